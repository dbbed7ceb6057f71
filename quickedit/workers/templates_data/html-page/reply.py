"""What a guest answers, and what makes an answer valid."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_GUESTS = 8


@dataclass(frozen=True)
class Reply:
    name: str
    guests: int

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> "Reply":
        """The reply in a form or an address. Raises ValueError with a sentence for the guest."""
        name = str(fields.get("name", "")).strip()
        guests = str(fields.get("guests", "1"))
        if not name:
            raise ValueError("Please tell us your name.")
        if not guests.isdecimal() or not 1 <= int(guests) <= MOST_GUESTS:
            raise ValueError(f"There is room for 1 to {MOST_GUESTS} of you.")
        return cls(name, int(guests))
