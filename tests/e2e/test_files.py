"""Files that come from outside: dropped on the explorer, images, folders, archives; and the worker as a zip."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage
from tests.support import wait_until

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAYAAADED76LAAAAFklEQVR42mNk+M9Qz0AEYBxVSF+FAAhKDveksOjmAAAAAElFTkSuQmCC"
)
EXPLORER = ".explorer-folders-view .monaco-list"


def drop(edit: EditPage, *paths: Path) -> None:
    """Files of this machine dragged onto the explorer and dropped there, by the browser's own drag and drop.

    Held over the explorer until it says that it would take them, as a person does.
    """
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = edit.page.context.new_cdp_session(edit.page)

    def drag(kind: str) -> None:
        box = edit.editor.locator(EXPLORER).bounding_box()
        assert box is not None
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] * 0.6}
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})

    def taken() -> bool:
        drag("dragOver")
        return edit.editor.locator(f"{EXPLORER}.drop-target, {EXPLORER} .drop-target").count() > 0

    drag("dragEnter")
    wait_until(taken, "the explorer to take the files")
    drag("drop")
    session.detach()


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return path


def test_D2_an_image_dropped_on_the_explorer_is_uploaded_shown_and_exported(site: Site, tmp_path: Path) -> None:
    edit = site.open_worker("images")
    (tmp_path / "assets").mkdir()
    (tmp_path / "logo.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_bytes("Grüße\r\n".encode())
    (tmp_path / "assets" / "dot.png").write_bytes(PNG)
    drop(edit, *(tmp_path / name for name in ("logo.png", "notes.txt", "assets")))
    expect(edit.row("logo.png")).to_be_visible(timeout=DEADLINE_MS)
    expect(edit.row("notes.txt")).to_be_visible(timeout=DEADLINE_MS)
    expect(edit.row("assets")).to_be_visible(timeout=DEADLINE_MS)
    edit.row("logo.png").dblclick()
    image = edit.editor.get_by_role("img", name="logo.png")
    expect(image).to_be_visible(timeout=DEADLINE_MS)
    wait_until(lambda: image.evaluate("image => image.naturalWidth") == 8, "the picture")
    edit.wait_until_saved()
    assert site.modules("images")["notes.txt"] == "Grüße\n"
    edit.page.reload()
    EditPage(edit.page).wait_until_ready()
    packed = edit.page.context.request.get(site.url("/api/v1/workers/images/archive"))
    with zipfile.ZipFile(io.BytesIO(packed.body())) as found:
        assert found.read("logo.png") == found.read("assets/dot.png") == PNG
        assert found.read("notes.txt") == "Grüße\r\n".encode()


def test_a_zip_dropped_on_the_workbench_is_unpacked_as_one_change_that_can_be_taken_back(
    site: Site, tmp_path: Path
) -> None:
    edit = site.open_worker("unzipped")
    before = site.modules("unzipped")
    more = {"lib/extra.py": "x = 1\n", "greeting.py": "def greet(n):\n    return n\n"}
    drop(edit, archive(tmp_path / "more.zip", more))
    done = edit.editor.locator(".notification-toast", has_text="more.zip is unpacked: 1 new, 1 changed.")
    expect(done).to_be_visible(timeout=DEADLINE_MS)
    assert site.modules("unzipped") == {
        **before,
        "lib/extra.py": "x = 1\n",
        "greeting.py": "def greet(n):\n    return n\n",
    }
    expect(edit.row("lib")).to_be_visible(timeout=DEADLINE_MS)
    done.get_by_role("button", name="Undo").click()
    wait_until(lambda: site.modules("unzipped") == before, "the files as they were")


def test_B5_a_zip_that_would_write_outside_the_worker_is_refused_with_a_reason(site: Site, tmp_path: Path) -> None:
    edit = site.open_worker("refusing")
    before = site.modules("refusing")
    drop(edit, archive(tmp_path / "evil.zip", {"../evil.py": "x = 1\n"}))
    expect(edit.editor.locator(".notification-toast .codicon-error")).to_be_visible(timeout=DEADLINE_MS)
    assert site.modules("refusing") == before


def test_a_module_over_the_limit_says_so_until_it_fits(site: Site) -> None:
    edit = site.open_worker("large")
    edit.replace_all(("#" * 63 + "\n") * (16 * 1024 + 1))
    said = edit.page.get_by_role("alert").filter(
        has_text="main.py is over 1 MiB. It stays here, not saved, until it fits."
    )
    expect(said).to_be_visible(timeout=DEADLINE_MS)
    edit.page.keyboard.press("Control+a")
    edit.page.keyboard.type("# small")
    expect(said).to_be_hidden(timeout=DEADLINE_MS)
    edit.wait_until_saved()
    assert site.modules("large")["main.py"] == "# small"


def test_a_module_that_is_a_mebibyte_as_json_is_saved_over_one_connection(site: Site) -> None:
    """A quote counts twice in a frame: the language client must not send what the bridge closes on."""
    edit = site.open_worker("quotes")
    lines: list[str] = []
    edit.page.on("websocket", lambda socket: lines.append(socket.url))
    text = ('"' * 60 + "\n") * 12_000
    edit.replace_all(text)
    edit.wait_until_saved()
    wait_until(lambda: site.modules("quotes")["main.py"] == text, "the module is stored")
    edit.page.keyboard.press("Control+a")
    edit.page.keyboard.type("import jso")
    expect(edit.suggestions().filter(has_text="json").first).to_be_visible(timeout=DEADLINE_MS)
    edit.wait_until_saved()
    assert lines == []
