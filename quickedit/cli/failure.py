"""The one way in which a command of the console script fails on purpose."""

from __future__ import annotations


class CommandFailed(Exception):
    """The message says what is wrong and what to do next. ``status`` becomes the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
