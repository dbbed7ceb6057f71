"""FormData: the fields of an HTML form, and the two encodings they travel in.

`await request.form_data()` reads one; `Response(FormData(…))` writes one. The reader takes hostile bytes: it never
recurses, never guesses an encoding and gives up with ValueError on what is not a form.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeAlias
from urllib.parse import parse_qsl

from .blob import Blob, File
from .headers import as_text

FormDataValue: TypeAlias = "str | Blob"
"""A text field is a str, an upload is a File."""

MAX_FIELDS = 10_000
"""Fields of one form; more is refused rather than stored."""

_PARAMETER = re.compile(r';\s*([a-zA-Z*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')


class FormData(MutableMapping[str, FormDataValue]):
    """The fields of a form, in order; a name may occur several times.

    `form["name"]` and `form.get("name")` give the first value, `form.get_all("name")` all of them. Iterating goes through
    every field: a repeated name comes repeatedly.
    """

    __slots__ = ("_fields",)

    def __init__(
        self, form_data: FormData | Mapping[str, FormDataValue] | Iterable[tuple[str, FormDataValue]] | None = None
    ) -> None:
        self._fields: list[tuple[str, FormDataValue]] = []
        if isinstance(form_data, FormData):
            self._fields = list(form_data._fields)
        elif form_data is not None:
            pairs = form_data.items() if isinstance(form_data, Mapping) else form_data
            for name, value in pairs:
                self.append(name, value)

    def append(self, key: str, value: FormDataValue | float, filename: str | None = None) -> None:
        """Adds a field and keeps those of the same name. A number becomes text; a Blob becomes a File where `filename` is
        given."""
        if isinstance(value, int | float):
            value = as_text(value)
        if not isinstance(value, str | Blob):
            raise TypeError(f"the field {key!r} must be a str or a Blob, not {type(value).__name__}")
        if isinstance(value, Blob) and filename is not None:
            value = File(value, filename)
        self._fields.append((str(key), value))

    def get_all(self, key: str) -> list[FormDataValue]:
        """Every value of a field, in order; an empty list where there is none."""
        return [value for name, value in self._fields if name == key]

    def delete(self, key: str) -> None:
        """Removes every value of a field; nothing happens where there is none."""
        self._fields = [(name, value) for name, value in self._fields if name != key]

    def __getitem__(self, key: str) -> FormDataValue:
        for name, value in self._fields:
            if name == key:
                return value
        raise KeyError(key)

    def __setitem__(self, key: str, value: FormDataValue) -> None:
        place = next((at for at, (name, _) in enumerate(self._fields) if name == key), len(self._fields))
        self.delete(key)
        self.append(key, value)
        self._fields.insert(place, self._fields.pop())

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete(key)

    def items(self) -> list[tuple[str, FormDataValue]]:  # type: ignore[override]
        """Each field as (name, value)."""
        return list(self._fields)

    def keys(self) -> list[str]:  # type: ignore[override]
        """Each field's name."""
        return [name for name, _ in self._fields]

    def values(self) -> list[FormDataValue]:  # type: ignore[override]
        """Each field's value, in the order of `keys()`."""
        return [value for _, value in self._fields]

    @property
    def js_object(self) -> FormData:
        """The form itself: on Cloudflare, the JavaScript object behind it."""
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self._fields)

    def __repr__(self) -> str:
        return f"FormData({self._fields!r})"


def parse_form(body: bytes, content_type: str) -> FormData:
    """The form in a request's body. Raises ValueError where the body or its type is not a form's."""
    kind = content_type.split(";", 1)[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        return FormData(pairs)
    if kind == "multipart/form-data":
        boundary = _parameters(content_type).get("boundary", "")
        if not boundary:
            raise ValueError("the multipart body names no boundary in its content-type")
        return _parse_multipart(body, boundary.encode("latin-1", "replace"))
    raise ValueError(f"the body is not a form: its content-type is {kind or 'missing'!r}")


def encode_multipart(form: FormData) -> tuple[bytes, str]:
    """The form as multipart/form-data: (body, content-type)."""
    boundary = f"----quickedit-{os.urandom(12).hex()}"
    parts: list[bytes] = []
    for name, value in form._fields:
        head = f'content-disposition: form-data; name="{_quoted(name)}"'
        content = value._content if isinstance(value, Blob) else value.encode("utf-8", "replace")
        if isinstance(value, Blob):
            filename = value.name if isinstance(value, File) else "blob"
            head += f'; filename="{_quoted(filename)}"\r\ncontent-type: '
            head += _quoted(value.content_type or "application/octet-stream")
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode("utf-8", "replace") + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _parse_multipart(body: bytes, boundary: bytes) -> FormData:
    form = FormData()
    sections = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_FIELDS + 1)
    if len(sections) > MAX_FIELDS + 1:
        raise ValueError(f"the form has more than {MAX_FIELDS} fields")
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise ValueError("the multipart body has no closing boundary")
    for section in sections[1:-1]:
        head, separator, content = section.partition(b"\r\n\r\n")
        headers = _part_headers(head)
        field = _parameters(headers.get("content-disposition", ""))
        if not separator or "name" not in field:
            raise ValueError("a part of the multipart body names no field")
        if "filename" in field:
            form.append(field["name"], File(content, field["filename"], headers.get("content-type", "")))
        else:
            form.append(field["name"], content.decode("utf-8", "replace"))
    return form


def _part_headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", "replace").split("\r\n")
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _parameters(header: str) -> dict[str, str]:
    found = {}
    for name, value in _PARAMETER.findall(header):
        if value.startswith('"'):
            # Browsers escape a quote as %22 and send backslashes as they are (WHATWG); others escape with a backslash.
            value = value[1:-1].replace('\\"', '"').replace("%22", '"')
        found[name.lower()] = value.strip()
    return found


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
