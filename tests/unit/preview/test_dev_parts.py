"""The parts of ``quickedit dev``: a directory as a bundle, and the script of live reload."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from preview.bundle import MAX_FILE, MAX_MODULES
from preview.outside.folder import Folder, TooMuch
from preview.outside.reload import PATH, _Injector


def write(root: Path, path: str, content: bytes = b"x") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def test_a_folder_is_read_without_caches_hidden_files_and_links(tmp_path: Path) -> None:
    for path in (
        "main.py",
        "lib/util.py",
        "lib/data.json",
        ".env",
        ".git/config",
        "__pycache__/m.pyc",
        "node_modules/a/b.js",
    ):
        write(tmp_path, path)
    os.symlink("/etc/passwd", tmp_path / "passwd")
    os.symlink("/etc", tmp_path / "etc")
    folder = Folder(tmp_path)
    assert set(folder.read(folder.signature())) == {"main.py", "lib/util.py", "lib/data.json"}


def test_S9_a_file_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "main.py")
    folder = Folder(tmp_path)
    signature = folder.signature()
    (tmp_path / "main.py").unlink()
    os.symlink("/etc/passwd", tmp_path / "main.py")
    assert folder.read(signature) == {}


def test_every_kind_of_change_changes_the_signature(tmp_path: Path) -> None:
    write(tmp_path, "main.py")
    folder = Folder(tmp_path)
    seen = [folder.signature()]
    write(tmp_path, "main.py", b"yy")
    seen.append(folder.signature())
    write(tmp_path, "other.py")
    seen.append(folder.signature())
    (tmp_path / "other.py").rename(tmp_path / "third.py")
    seen.append(folder.signature())
    (tmp_path / "third.py").unlink()
    seen.append(folder.signature())
    assert all(one != other for one, other in itertools.pairwise(seen))


def test_a_module_that_is_too_large_is_left_out_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, "main.py")
    write(tmp_path, "big.bin", b"x" * (MAX_FILE + 1))
    folder = Folder(tmp_path)
    assert set(folder.signature()) == {"main.py"}
    assert "4096 KiB" in folder.skipped["big.bin"]


def test_a_folder_of_too_many_files_says_to_name_one_workers(tmp_path: Path) -> None:
    for number in range(MAX_MODULES + 1):
        write(tmp_path, f"m{number}.py")
    with pytest.raises(TooMuch, match="one worker"):
        Folder(tmp_path).signature()


async def injected(body: bytes, *headers: tuple[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    injector = _Injector(send, "5")
    all_headers = [*headers, (b"content-length", b"%d" % len(body))]
    await injector({"type": "http.response.start", "status": 200, "headers": all_headers})
    await injector({"type": "http.response.body", "body": body})
    return sent[1]["body"], dict(sent[0]["headers"])


async def test_a_page_gets_the_script_before_its_end_and_the_right_length() -> None:
    body, headers = await injected(b"<body>hi</BODY></html>", (b"content-type", b"text/html; charset=utf-8"))
    assert PATH.encode() in body and body.endswith(b"</script></BODY></html>")
    assert headers[b"content-length"] == b"%d" % len(body)


@pytest.mark.parametrize(
    "headers",
    [((b"content-type", b"application/json"),), ((b"content-type", b"text/html"), (b"content-encoding", b"br")), ()],
)
async def test_what_is_no_plain_page_stays_as_it_is(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert (await injected(b"<body></body>", *headers))[0] == b"<body></body>"


async def test_a_policy_with_a_nonce_lets_the_script_listen() -> None:
    policy = b"default-src 'none'; script-src 'nonce-abc_-='"
    body, headers = await injected(b"", (b"content-type", b"text/html"), (b"content-security-policy", policy))
    assert b'<script nonce="abc_-=">' in body
    assert headers[b"content-security-policy"] == policy + b"; connect-src 'self'"
