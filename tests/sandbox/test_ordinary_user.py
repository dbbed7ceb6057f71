"""The same walls for a runner that is an ordinary user: as root, the rest of the folder runs once more as nobody.

It begins with the first test of the folder and runs beside the others; here its end is waited for.

Where the tests are run by an ordinary user, they all are in that mode already.
"""

from __future__ import annotations

import faulthandler
import os
import subprocess

import pytest

pytestmark = pytest.mark.sandbox


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole folder runs as an ordinary user already")
def test_every_wall_and_limit_holds_for_an_ordinary_user_too(as_nobody: subprocess.Popen[str]) -> None:
    faulthandler.cancel_dump_traceback_later()  # this is many tests in one, with a deadline of its own
    said, _ = as_nobody.communicate(timeout=300)
    assert as_nobody.returncode == 0, said[-8000:]
    assert " passed" in said
