"""The layers of DESIGN §11: an arrow points down only, packages of one layer do not know each other, and ``quickedit`` reaches
the runtime through two doors. A new package must be placed here before anything may import it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.imports import Arrow, arrows
from tests.support import ROOT

LAYERS = {
    "quickedit.editor": 3, "quickedit.dashboard": 3, "quickedit.api": 3, "quickedit.cli": 3,
    "quickedit.rooms": 2, "quickedit.drafts": 2, "quickedit.language": 2, "quickedit.deployments": 2, "quickedit.lifecycle": 2,
    "quickedit.workspaces": 1, "quickedit.workers": 1, "quickedit.accounts": 1,
    "quickedit.wire": 0, "quickedit.errors": 0, "quickedit.failpoints": 0, "quickedit.threads": 0, "quickedit.__version__": 0,
}  # fmt: skip
COMPOSITION = 4
"""Modules directly in ``quickedit``: they put the rest together, so only the console script and servers may name them."""
MAY_NAME_COMPOSITION = {
    ("quickedit.cli", "quickedit.settings"),
    ("quickedit.cli", "quickedit.asgi"),
    ("quickedit.cli", "quickedit.serve"),
}

DOORS = ("preview.client", "preview.bundle", "preview.portable")
MORE_DOORS = {
    "quickedit.language": ("preview.sandbox",),
    "quickedit.cli.dev": ("preview.outside.dev",),
}
FRAMEWORKS = ("django", "channels", "quickedit", "daphne", "twisted")
INSIDE_MAY = ("preview.protocol", "preview.forking", "preview.sandbox", "preview.inside")
"""What stands beside untrusted code may know: frames, the zygote's words, and the kernel primitives it binds itself with."""


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def layer_of(module: str) -> int:
    return LAYERS.get(package_of(module), COMPOSITION)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def faults(found: Iterable[Arrow]) -> list[str]:
    return sorted(f"{a.file}:{a.line}: {a.importer} imports {a.imported}: {why}" for a in found if (why := fault(a)))


def fault(arrow: Arrow) -> str:
    """Why this arrow may not be; empty where it may."""
    source, target = arrow.importer, arrow.imported
    if is_within(source, "quickedit"):
        if is_within(target, "quickedit") and target != "quickedit":
            return between_packages(source, target)
        if is_within(target, "preview"):
            doors = (*DOORS, *(door for who, more in MORE_DOORS.items() if is_within(source, who) for door in more))
            return (
                ""
                if any(is_within(target, door) for door in doors)
                else "the runtime is reached through its doors only"
            )
        return ""
    return within_preview(source, target)


def between_packages(source: str, target: str) -> str:
    here, there = package_of(source), package_of(target)
    if here == there:
        return ""
    above, below = layer_of(source), layer_of(target)
    if above == COMPOSITION or (here, there) in MAY_NAME_COMPOSITION:
        return ""
    if below == COMPOSITION:
        return "composition is above everything"
    if above == below:
        return "packages of one layer do not know each other" if above else ""
    return "" if above > below else "the arrow points up"


def within_preview(source: str, target: str) -> str:
    if target.split(".")[0] in FRAMEWORKS:
        return "the runtime knows neither Django nor Quick Edit"
    if is_within(source, "preview.inside.workers"):
        ours = target.split(".")[0] in ("preview", "quickedit")
        return (
            "what users import knows nothing of ours"
            if ours and not is_within(target, "preview.inside.workers")
            else ""
        )
    if is_within(source, "preview.inside") and is_within(target, "preview"):
        return "" if any(is_within(target, may) for may in INSIDE_MAY) else "inside knows frames and itself only"
    if is_within(source, "preview.inside"):
        return (
            ""
            if target.split(".")[0] in {*sys.stdlib_module_names, "workers"}
            else "inside has the standard library only"
        )
    if is_within(source, "preview.outside") and is_within(target, "preview.inside"):
        return "outside and inside never import each other"
    if (
        is_within(source, "preview.sandbox")
        and is_within(target, "preview")
        and not is_within(target, "preview.sandbox")
    ):
        return "kernel primitives know nothing of us"
    return ""


def test_every_arrow_points_down() -> None:
    assert faults(arrows(ROOT, "quickedit", "preview")) == []


def test_every_package_has_its_layer() -> None:
    packages = {f"quickedit.{path.name}" for path in (ROOT / "quickedit").iterdir() if (path / "__init__.py").is_file()}
    assert packages <= set(LAYERS)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("quickedit/workers/a.py", "from quickedit.rooms import room", "the arrow points up"),
        ("quickedit/workers/a.py", "def f():\n    import quickedit.rooms", "the arrow points up"),
        ("quickedit/rooms/a.py", "from ..drafts import draft", "packages of one layer"),
        ("quickedit/rooms/a.py", "from quickedit import settings", "composition is above"),
        ("quickedit/drafts/a.py", "from preview.outside import children", "doors only"),
        ("quickedit/drafts/a.py", "from preview import sandbox", "doors only"),
        ("quickedit/new/a.py", "import quickedit.rooms", ""),
        ("preview/bundle.py", "import django.conf", "neither Django"),
        ("preview/outside/a.py", "from preview import inside", "never import each other"),
        ("preview/inside/a.py", "from preview.outside.limits import Limits", "frames and itself"),
        ("preview/inside/a.py", "import msgspec", "standard library only"),
        ("preview/inside/workers/a.py", "from preview import protocol", "nothing of ours"),
        ("preview/sandbox/a.py", "from preview import protocol", "kernel primitives"),
    ],
)
def test_a_forbidden_arrow_is_found(tmp_path: Path, file: str, text: str, expected: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    (found, *_) = faults(arrows(tmp_path, file.split("/")[0])) or [""]
    assert re.search(expected, found) and bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("quickedit/editor/a.py", "from quickedit.rooms import room\nfrom quickedit.errors import NotFound"),
        ("quickedit/drafts/a.py", "from preview.client import RunnerClient\nfrom preview import bundle"),
        ("quickedit/asgi.py", "from quickedit import settings\nfrom quickedit.editor import consumer"),
        ("quickedit/language/a.py", "from preview.sandbox import landlock"),
        ("preview/outside/a.py", "from preview.protocol import Decoder\nimport uvicorn"),
    ],
)
def test_an_arrow_that_points_down_is_no_fault(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    assert faults(arrows(tmp_path, file.split("/")[0])) == []
