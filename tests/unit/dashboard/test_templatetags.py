"""The tags of every page: what an entry of the front end needs, times in words, and the icons that are named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import override_settings

import tests.with_django  # noqa: F401
from quickedit.dashboard.templatetags import ui
from quickedit.dashboard.templatetags.vite import FrontendNotBuilt, find, vite, vite_script

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = [path for app in ("dashboard", "editor", "accounts") for path in (ROOT / "quickedit" / app).rglob("*.html")]
MANIFEST = {
    "_shared.js": {"file": "assets/shared-1.js", "css": ["assets/shared-1.css"], "imports": ["_deep.js"]},
    "_deep.js": {"file": "assets/deep-1.js", "css": ["assets/deep-1.css"]},
    "src/host/edit.ts": {
        "file": "assets/edit-1.js",
        "isEntry": True,
        "css": ["assets/edit-1.css"],
        "imports": ["_shared.js", "_deep.js"],
        "dynamicImports": ["_later.js"],
    },
    "_later.js": {"file": "assets/later-1.js", "css": ["assets/later-1.css"]},
}


@pytest.fixture
def dist(tmp_path: Path, settings_with_dist: None) -> Path:
    return tmp_path


@pytest.fixture
def settings_with_dist(tmp_path: Path) -> Iterator[None]:
    (tmp_path / ".vite").mkdir()
    (tmp_path / ".vite" / "manifest.json").write_text(json.dumps(MANIFEST))
    with override_settings(FRONTEND_DIST=tmp_path, STATIC_URL="/static/"):
        yield


def test_an_entry_comes_with_the_styles_and_chunks_of_its_static_imports_dependencies_first(dist: Path) -> None:
    entry = find(dist / ".vite" / "manifest.json", "src/host/edit.ts")
    assert entry.styles == ("assets/deep-1.css", "assets/shared-1.css", "assets/edit-1.css")
    assert entry.imports == ("assets/deep-1.js", "assets/shared-1.js")
    assert entry.script == "assets/edit-1.js"


def test_the_script_of_an_entry_names_what_was_built(dist: Path) -> None:
    assert vite_script("src/host/edit.ts") == "assets/edit-1.js"
    with pytest.raises(FrontendNotBuilt):
        vite_script("editor.html")


def test_the_tags_name_files_below_the_static_address_and_nothing_inline(dist: Path) -> None:
    tags = vite("src/host/edit.ts")
    assert '<script type="module" src="/static/assets/edit-1.js"></script>' in tags
    assert '<link rel="stylesheet" href="/static/assets/edit-1.css">' in tags
    assert "later" not in tags
    assert re.findall(r"<script[^>]*>([^<]+)</script>", tags) == []


def test_a_front_end_that_is_not_built_says_what_to_run(dist: Path) -> None:
    (dist / ".vite" / "manifest.json").unlink()
    with pytest.raises(FrontendNotBuilt, match="make run"):
        vite("src/host/edit.ts")
    assert vite("src/host/edit.ts", required=False) == ""


def test_an_entry_that_an_old_build_lacks_says_so(dist: Path) -> None:
    with pytest.raises(FrontendNotBuilt, match="out of date"):
        vite("src/host/new.ts")


def test_a_rebuild_is_seen_without_a_restart(dist: Path) -> None:
    manifest = dist / ".vite" / "manifest.json"
    assert find(manifest, "src/host/edit.ts").script == "assets/edit-1.js"
    manifest.write_text(json.dumps({"src/host/edit.ts": {"file": "assets/edit-2.js"}}))
    assert find(manifest, "src/host/edit.ts").script == "assets/edit-2.js"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (4, "just now"),
        (5, "5 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (2 * 3600, "2 h ago"),
        (86_400, "yesterday"),
        (2 * 86_400, "2 days ago"),
        (6 * 86_400, "6 days ago"),
        (7 * 86_400, "17 Nov"),
        (15 * 86_400, "9 Nov"),
        (400 * 86_400, "20 Oct 2025"),
    ],
)
def test_times_are_said_in_figures(seconds: int, words: str) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert ui.in_words(now - timedelta(seconds=seconds), now) == words


def test_initials_and_colours_are_of_the_person() -> None:
    assert [ui.initials(name) for name in ("Ana Ruiz", "owner", "", "Ana de la Ruiz")] == ["AR", "OW", "?", "AR"]
    assert ui.hue("Ana Ruiz") == ui.hue("Ana Ruiz")
    assert {ui.hue(number) for number in range(10)} == {1, 2, 3, 4, 5}


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = (ROOT / "quickedit/dashboard/templates/parts/icons.html").read_text()
    known = set(re.findall(r'id="i-([a-z-]+)"', sprite))
    used = {name for path in TEMPLATES for name in re.findall(r"\{% icon '([a-z-]+)'", path.read_text())}
    for path in (ROOT / "frontend/src/host").glob("*.ts"):
        used |= set(re.findall(r"\bicon\('([a-z-]+)'", path.read_text()))
    assert used <= known


def test_no_template_has_an_inline_style_or_script() -> None:
    for path in TEMPLATES:
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script|javascript:", text), path
