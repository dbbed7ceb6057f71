"""The timeline, restoring, binary files, archives: over HTTP, against a real server (rules H, D, B5)."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import hashlib
import io
import stat
import zipfile
from typing import Any

import httpx
import pytest

from tests.web.conftest import Person, join

PNG = b"\x89PNG\r\n\x1a\n\x00\x01binary\xff"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put_blob(person: Person, name: str, content: bytes) -> str:
    digest = sha(content)
    headers = {"x-csrftoken": person.csrf, "content-type": "application/octet-stream"}
    answer = person.browser.put(f"/api/v1/workers/{name}/blobs/{digest}", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return digest


def send_zip(person: Person, path: str, content: bytes) -> httpx.Response:
    headers = {"x-csrftoken": person.csrf, "content-type": "application/zip"}
    return person.browser.post(f"/api/v1/workers/{path}", content=content, headers=headers)


def zipped(files: dict[str, bytes | str], **changes: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.compress_type = zipfile.ZIP_DEFLATED
            for key, value in changes.items():
                setattr(entry, key, value)
            archive.writestr(entry, content)
    return stream.getvalue()


async def test_H1_H2_H3_the_timeline_shows_who_did_what_and_restores_it_for_everybody(
    owner: Person, mate: Person
) -> None:
    name = owner.make()
    join(mate, name, "editor")
    base = f"workers/{name}"
    async with owner.editor(name) as one, mate.editor(name) as two:
        start = one.welcome["revision"]
        await one.operate(1, start, {"op": "create", "file": "n", "path": "n.txt", "text": "one\n"})
        await one.until("committed")
        await two.operate(1, start + 1, {"op": "edit", "file": "n", "changes": [4, [0, "two", ""]]})
        await two.operate(2, start + 1, {"op": "rename", "path": "n.txt", "to": "lib/m.txt"})
        while (await two.until("committed"))["revision"] < start + 3:
            pass
        shown = owner.ask("GET", f"{base}/history").json()
        newest, first = shown["entries"]
        assert shown["next"] is None and (first["since"], first["revision"]) == (0, 2)
        assert newest["by"]["id"] == mate.user.pk and newest["since"] == first["revision"]
        touched = {each["id"]: each for each in newest["files"]}["n"]
        assert (touched["change"], touched["was"], touched["path"]) == ("renamed", "n.txt", "lib/m.txt")
        assert (touched["plus"], touched["minus"]) == (4, 0)
        old = owner.ask("GET", f"{base}/history/{start + 1}/files/n").json()
        assert (old["text"], old["path"]) == ("one\n", "n.txt")
        assert "n.txt" in [each["path"] for each in owner.ask("GET", f"{base}/history/{start + 1}").json()["files"]]
        one_file = owner.ask("GET", f"{base}/history?file=n&limit=1").json()
        assert [entry["revision"] for entry in one_file["entries"]] == [start + 3]
        back = owner.ask("POST", f"{base}/restore", {"revision": start + 1}).json()
        assert back == {"revision": start + 4, "changed": 3}
        seen = await two.until("committed")
        assert seen["revision"] == start + 4 and {op["op"] for op in seen["ops"]} == {"rename", "edit", "delete"}
        again = owner.ask("GET", f"{base}/history?limit=1").json()["entries"][0]
        assert (again["restored"], again["revision"]) == (start + 1, start + 4)
        undone = owner.ask("POST", f"{base}/restore", {"revision": start + 3, "file": "n"}).json()
        assert undone["revision"] == start + 5
    files = {each["path"]: each["text"] for each in owner.ask("GET", f"{base}/snapshot").json()["files"]}
    assert files["n.txt"] == "one\ntwo\n"


@pytest.mark.parametrize(
    ("path", "status"), [("history/999", 404), ("history/1/files/none", 404), ("history?before=x", 400)]
)
def test_H2_what_is_not_in_the_history_is_not_found(owner: Person, path: str, status: int) -> None:
    assert owner.ask("GET", f"workers/{owner.make()}/{path}").status_code == status


async def test_D2_D3_a_binary_file_is_uploaded_by_digest_runs_is_shown_and_comes_back(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        base = editor.welcome["revision"]
        op = {"op": "create", "file": "p", "path": "logo.png", "digest": sha(PNG), "size": len(PNG)}
        await editor.operate(1, base, op)
        assert (await editor.until("refused"))["code"] == "no-such-blob"
        put_blob(owner, name, PNG)
        await editor.operate(1, base, {**op, "size": 1})
        assert (await editor.until("refused"))["code"] == "no-such-blob"
        await editor.operate(1, base, op)
        assert (await editor.until("committed"))["ops"][0]["digest"] == sha(PNG)
        await editor.operate(2, base + 1, {"op": "edit", "file": "p", "changes": [[0, "x"]]})
        assert (await editor.until("refused"))["code"] == "binary-file"
        other = put_blob(owner, name, PNG * 2)
        await editor.operate(2, base + 1, {"op": "content", "file": "p", "digest": other, "size": len(PNG) * 2})
        await editor.until("committed")
    shown = {file["path"]: file for file in owner.ask("GET", f"workers/{name}/snapshot").json()["files"]}["logo.png"]
    assert (shown["digest"], shown["size"], shown["text"]) == (other, len(PNG) * 2, "")
    archive = zipfile.ZipFile(io.BytesIO(owner.ask("GET", f"workers/{name}/archive").content))
    assert archive.read("logo.png") == PNG * 2
    portable = zipfile.ZipFile(io.BytesIO(owner.ask("GET", f"workers/{name}/archive?for=cloudflare").content))
    assert {"wrangler.jsonc", "pyproject.toml", "logo.png"} <= set(portable.namelist())
    copy = owner.ask("POST", f"workers/{name}/duplicate").json()["name"]
    assert zipfile.ZipFile(io.BytesIO(owner.ask("GET", f"workers/{copy}/archive").content)).read("logo.png") == PNG * 2
    assert owner.ask("POST", f"workers/{name}/restore", {"revision": base + 1, "file": "p"}).status_code == 200
    again = zipfile.ZipFile(io.BytesIO(owner.ask("GET", f"workers/{name}/archive").content))
    assert again.read("logo.png") == PNG


def test_an_archive_that_is_brought_in_gives_the_same_archive(owner: Person) -> None:
    files: dict[str, bytes | str] = {
        "main.py": "print(1)\r\nprint(2)\r\n",
        "a/logo.png": PNG,
        "a/bom.txt": "\ufeffhi\n",
    }
    made = f"from-{owner.make()}"
    assert send_zip(owner, f"import?name={made}", zipped(files)).status_code == 201
    first = owner.ask("GET", f"workers/{made}/archive").content
    archive = zipfile.ZipFile(io.BytesIO(first))
    assert {entry: archive.read(entry) for entry in archive.namelist()} == {
        path: content.encode() if isinstance(content, str) else content for path, content in files.items()
    }
    again = send_zip(owner, f"{made}/archive", first).json()
    assert (again["created"], again["changed"], again["same"]) == (0, 0, 3)
    changed = send_zip(owner, f"{made}/archive?folder=a", zipped({"logo.png": "now text", "new.py": "n"})).json()
    assert (changed["created"], changed["changed"]) == (1, 1)
    archive = zipfile.ZipFile(io.BytesIO(owner.ask("GET", f"workers/{made}/archive").content))
    assert archive.read("a/logo.png") == b"now text" and archive.read("main.py") == b"print(1)\r\nprint(2)\r\n"


BAD = {
    "a zip bomb": zipped({f"{n}.txt": b"\0" * 1_000_000 for n in range(12)}),
    "one file that swells": zipped({"a.txt": b"\0" * 2_000_000}),
    "a symbolic link": zipped({"a": "/etc/passwd"}, external_attr=(stat.S_IFLNK | 0o777) << 16),
    "a device": zipped({"a": ""}, external_attr=(stat.S_IFCHR | 0o666) << 16),
    "an absolute path": zipped({"/etc/passwd": "x"}),
    "a path upwards": zipped({"a/../../b": "x"}),
    "a backslash": zipped({"a\\b": "x"}),
    "a case clash": zipped({"A.py": "x", "a.py": "y"}),
    "too many": zipped({f"{n}.txt": "x" for n in range(513)}),
    "no zip": b"PK\x03\x04 but no more",
    "nothing": b"",
    "cut off": zipped({"a.txt": "x" * 1000})[:-30],
    "damaged": zipped({"a.txt": b"abc" * 500}).replace(b"\x1c", b"\x1d"),
}


@pytest.mark.parametrize("why", BAD)
def test_B5_a_hostile_archive_is_refused_in_a_sentence_and_changes_nothing(owner: Person, why: str) -> None:
    name = owner.make()
    before = owner.ask("GET", f"workers/{name}/snapshot").json()
    answer = send_zip(owner, f"{name}/archive", BAD[why])
    assert answer.status_code in (400, 409, 413), answer.text
    assert answer.json()["error"]["message"]
    assert owner.ask("GET", f"workers/{name}/snapshot").json() == before
