"""One configuration file of a worker, parsed: its data, and where in its text a setting stands, for errors that point.

`bundle` and `declared` read settings through it. Pure: it takes text and never touches a file system. JSON may hold
comments and trailing commas, as wrangler.jsonc does; TOML is TOML.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

MAX_CONFIG = 256 * 1024
"""Bytes of a configuration file: far above any real one, low enough that parsing it cannot hold up a loop."""


class ConfigError(ValueError):
    """The configuration of a worker is missing or wrong.

    ``path`` is the file at fault ("" where none exists), ``line`` is 1-based (0 where unknown), ``code`` is ``no-main``
    where no main module can be found and ``bad-config`` otherwise, ``hint`` says what to do next.
    """

    def __init__(
        self, message: str, path: str = "", line: int = 0, *, code: str = "bad-config", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.code = code
        self.hint = hint


class ConfigFile:
    """Settings by name, and errors that name their line. Raises ConfigError where the file cannot be read at all."""

    def __init__(self, path: str, content: bytes) -> None:
        if len(content) > MAX_CONFIG:
            raise ConfigError(f"{path} is over {MAX_CONFIG // 1024} KiB long.", path)
        try:
            self._text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8 text.", path) from None
        self.path = path
        self.data = _parse_toml(self._text, path) if path.endswith(".toml") else _parse_json(self._text, path)

    def error(self, message: str, *keys: str, code: str = "bad-config", hint: str = "") -> ConfigError:
        """An error at the setting that ``keys`` lead to, from the outermost to the innermost."""
        return ConfigError(message, self.path, self.line_of(*keys), code=code, hint=hint)

    def line_of(self, *keys: str) -> int:
        """The 1-based line of a setting, 0 where it cannot be found: the last key of ``keys``, searched after the one
        before it. A value of a list may stand for a key."""
        position, line = 0, 0
        for key in keys:
            name = re.escape(key)
            pattern = rf'"{name}"\s*[:=]|(?<![\w-]){name}\s*=|^\s*\[\[?[^\]\n]*\b{name}\]|(["\']){name}\1'
            found = re.compile(pattern, re.MULTILINE).search(self._text, position)
            if found is None:
                break
            position = found.end()
            line = self._text.count("\n", 0, position) + 1
        return line

    def text(self, key: str) -> str:
        """A setting that is text, "" where it is not there. Raises ConfigError."""
        value = self.data.get(key, "")
        # TOML reads an unquoted date as a date, and people write compatibility_date = 2025-01-01.
        if key == "compatibility_date" and hasattr(value, "isoformat"):
            value = value.isoformat()
        if not isinstance(value, str):
            raise self.error(f"“{key}” in {self.path} must be text.", key)
        if not is_unicode(value):
            raise self.error(f"“{key}” in {self.path} holds half of a surrogate pair.", key)
        return value

    def variables(self, key: str) -> dict[str, str]:
        """An object of names and values; what is not text becomes its JSON. Raises ConfigError."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.error(f"“{key}” in {self.path} must be an object of names and values.", key)
        try:
            variables = {name: item if isinstance(item, str) else json.dumps(item) for name, item in value.items()}
        except (TypeError, RecursionError):
            raise self.error(f"A value in “{key}” in {self.path} is neither text nor JSON.", key) from None
        if not all(is_unicode(name) and is_unicode(item) for name, item in variables.items()):
            raise self.error(f"A value in “{key}” in {self.path} holds half of a surrogate pair.", key)
        return variables

    def refuse_unknown(self, found: Iterable[str], known: Iterable[str], *keys: str, strict: bool) -> None:
        """Raises ConfigError at the first of ``found`` that is not known: any where ``strict``, otherwise only one that
        looks like a mistyped known one, since a tool of Cloudflare's may have settings that do not concern us."""
        known = sorted(known)
        for key in found:
            if key in known:
                continue
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6 if strict else 0.8)
            if near or strict:
                hint = f"Did you mean “{near[0]}”?" if near else f"Known: {', '.join(known)}."
                where = f"“{keys[-1]}” in {self.path}" if keys else self.path
                raise self.error(f"{where} holds “{key}”, which is no setting of a worker.", *keys, key, hint=hint)


def is_unicode(value: str) -> bool:
    """Whether it can be encoded: no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


# Each alternative always consumes what it begins, unterminated or not, so that hostile text costs linear time.
_COMMENTS = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING_COMMAS = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|,(?=\s*[}\]])', re.DOTALL)


def _parse_json(text: str, path: str) -> Mapping[str, Any]:
    # Blanks keep the lines and columns of what they replace, so that errors point at the person's own text.
    text = _COMMENTS.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), text)
    text = _TRAILING_COMMAS.sub(lambda match: match[1] or " ", text)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} does not parse: {error.msg} (line {error.lineno}).", path, error.lineno) from None
    except (RecursionError, ValueError):
        raise ConfigError(
            f"{path} does not parse: it is nested too deeply, or holds a number that is too long.", path
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold an object, {{…}}.", path, 1)
    return data


def _parse_toml(text: str, path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        reason = str(error).split(" (at ")[0]
        raise ConfigError(f"{path} does not parse: {reason} (line {line}).", path, line) from None
    except (RecursionError, ValueError):
        raise ConfigError(
            f"{path} does not parse: it is nested too deeply, or holds a number that is too long.", path
        ) from None
