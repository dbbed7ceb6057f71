"""The templates that a new worker can begin with: folders of text files, shipped beside ``quickedit.workers``."""

from __future__ import annotations

from pathlib import Path

from preview.bundle import check_path
from quickedit import workers
from quickedit.errors import BadInput

NAMES = ("hello", "html-page", "json-api", "form-d1", "cron", "queue", "chat")
_DATA = Path(workers.__file__).parent / "templates_data"


def files(template: str) -> dict[str, str]:
    """The template's files by path. Raises BadInput where there is no such template."""
    if template not in NAMES:
        raise BadInput(
            f"There is no template “{template}”.", code="no-such-template", hint=f"Choose one of {', '.join(NAMES)}."
        )
    root = _DATA / template
    found: dict[str, str] = {}
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        if file.is_file() and "__pycache__" not in path:
            found[check_path(path)] = file.read_text(encoding="utf-8")
    return found
