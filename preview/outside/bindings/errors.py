"""What a binding says no with. Every store raises these and nothing else for what a worker asked wrongly.

BindingError          the base: the message goes to the worker's code, as an Error
├── WrongType         an argument of a type or value that the documented interface refuses, as a TypeError
└── Full              a documented limit on size or count is reached
"""

from __future__ import annotations


class BindingError(Exception):
    """The message is a sentence for the worker's author; it never holds a path of the server."""

    name = "Error"
    """The exception that the worker sees."""


class WrongType(BindingError):
    name = "TypeError"


class Full(BindingError):
    """The worker's storage, a value or a batch is larger than its limit."""


def text(value: object, what: str, *, most: int, empty: bool = False) -> str:
    """``value`` where it is text of at most ``most`` bytes. Raises WrongType."""
    if not isinstance(value, str):
        raise WrongType(f"{what} must be text, not {kind(value)}.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise WrongType(f"{what} holds half of a surrogate pair.") from None
    if size > most:
        raise WrongType(f"{what} is {size} bytes long; {most} are the most.")
    if not value and not empty:
        raise WrongType(f"{what} cannot be empty.")
    return value


def whole(value: object, what: str, least: int, most: int) -> int:
    """``value`` where it is a whole number within the bounds. Raises WrongType."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongType(f"{what} must be a whole number, not {kind(value)}.")
    if not least <= value <= most:
        raise WrongType(f"{what} must be from {least:,} to {most:,}, not {value:,}.")
    return value


def kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
