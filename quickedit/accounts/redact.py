"""Keeps one-time tokens out of every log line. Installed on the log handler by the settings."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(token=)[^\s&\"'<>]+", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with the value of every ``token=`` replaced."""
    return _TOKEN.sub(r"\1[redacted]", text) if "token=" in text.lower() else text


class RedactTokens(logging.Filter):
    """Redacts the finished message; the record's arguments are folded into it."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        redacted = redact(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True
