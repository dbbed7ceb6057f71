"""What holds for every tracked file: readable lengths, and nothing of the machine or the registries it was made with."""

from __future__ import annotations

import re
import subprocess

from tests.support import ROOT

LONGEST = 400
"""Lines. 300 is the aim; a module over it is looked at, over this it is cut."""
GENERATED = "frontend/src/wire/messages.ts"
"""As long as its source makes it."""
# Written so that this file does not hold what it looks for.
FOREIGN = re.compile(
    "|".join([r"registry\." + "npmjs", "files" + r"\.pythonhosted", "pypi" + r"\.org/simple", "/" + "work/main"])
)


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_source_file_is_too_long_to_read_in_one_go() -> None:
    long = {
        name: len((ROOT / name).read_text().splitlines())
        for name in tracked("*.py", "*.ts")
        if "migrations" not in name and name != GENERATED
    }
    assert long, "no file was looked at"
    assert not {name: lines for name, lines in long.items() if lines > LONGEST}


def test_no_tracked_file_names_a_registry_or_a_path_of_the_machine_it_was_made_on() -> None:
    names = tracked()
    assert "README.md" in names
    found = []
    for name in names:
        content = (ROOT / name).read_bytes()
        if b"\0" not in content[:8000] and FOREIGN.search(content.decode("utf-8", "replace")):
            found.append(name)
    assert not found


def test_the_search_finds_what_it_looks_for() -> None:
    assert FOREIGN.search("https://registry." + "npmjs.org/x")
