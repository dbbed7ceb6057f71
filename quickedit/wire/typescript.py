"""Writes ``frontend/src/wire/messages.ts`` from ``messages.py``: types, constants, and shapes for strict decoding.

``python -m quickedit.wire.typescript`` writes the file; ``--check`` says whether it is current (``make check``). The
generated file is checked in, so that the frontend builds without Python. Nothing may call this at run time.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as shapes

from quickedit.wire import messages

TARGET = Path(__file__).resolve().parents[2] / "frontend" / "src" / "wire" / "messages.ts"

HEADER = """\
/**
 * Do not edit: generated from quickedit/wire/messages.py by `python -m quickedit.wire.typescript`.
 *
 * The bridge's messages. A frame is one JSON object with a tag `t`; an operation in it has a tag `op`. A field with a
 * question mark has a default and may be left out. `codec.ts` beside this file checks frames against `SHAPES`.
 */
"""

DIRECTIONS: dict[str, tuple[type[messages.Message], ...]] = {
    "ToServer": messages.TO_SERVER,
    "ToClient": messages.TO_CLIENT,
    "ToHost": messages.TO_HOST,
    "ToEditor": messages.TO_EDITOR,
}
OPERATIONS: tuple[type[messages.Operation], ...] = (
    messages.Edit,
    messages.Create,
    messages.CreateFolder,
    messages.Delete,
    messages.Rename,
    messages.SetAttributes,
    messages.SetContent,
)
CONSTANTS = ("PROTOCOL", "MAX_FRAME", "INLINE_LIMIT", "MAX_RANGES")


def type_of(kind: shapes.Type) -> str:
    """The TypeScript type. Raises TypeError for what has no rule here yet."""
    match kind:
        case shapes.StrType():
            return "string"
        case shapes.IntType() | shapes.FloatType():
            return "number"
        case shapes.BoolType():
            return "boolean"
        case shapes.NoneType():
            return "null"
        case shapes.AnyType():
            return "unknown"
        case shapes.LiteralType(values=values):
            return " | ".join(f"'{value}'" for value in sorted(map(str, values)))
        case shapes.ListType(item_type=item):
            inner = type_of(item)
            return f"({inner})[]" if " | " in inner else f"{inner}[]"
        case shapes.DictType(value_type=value):
            return f"Record<string, {type_of(value)}>"
        case shapes.StructType(cls=cls):
            return cls.__name__
        case shapes.UnionType(types=types):
            return _union(types)
    raise TypeError(f"no TypeScript for {kind}")


def _is_operation(types: tuple[shapes.Type, ...]) -> bool:
    return {part.cls for part in types if isinstance(part, shapes.StructType)} == set(OPERATIONS)


def _union(types: tuple[shapes.Type, ...]) -> str:
    if _is_operation(types):
        rest = [part for part in types if not isinstance(part, shapes.StructType)]
        return " | ".join(["AnyOperation", *map(type_of, rest)])
    return " | ".join(type_of(part) for part in types)


def shape_of(kind: shapes.Type) -> Any:
    """The same type as data for the decoder in ``codec.ts``: a name, or a list ``[constructor, argument …]``."""
    match kind:
        case shapes.IntType(ge=ge):
            return "count" if ge == 0 else "int"
        case shapes.StrType(pattern=pattern) if pattern:
            return ["text", pattern]
        case shapes.LiteralType(values=values):
            return ["one", *sorted(map(str, values))]
        case shapes.ListType(item_type=item):
            return ["list", shape_of(item)]
        case shapes.DictType():
            return "object"
        case shapes.StructType(cls=cls):
            info = _info(cls)
            return ["struct", cls.__name__, *([info.tag_field, info.tag] if info.tag_field else [])]
        case shapes.UnionType(types=types) if {p.cls for p in types if isinstance(p, shapes.StructType)} == set(
            OPERATIONS
        ):
            return ["operation"]
        case shapes.UnionType(types=types):
            return ["or", *map(shape_of, types)]
    name = type_of(kind)
    assert name in ("string", "number", "boolean", "null", "unknown"), name
    return name


def _comment(cls: type, indent: str = "") -> str:
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "").replace("``", "`")
    if not text:
        return ""
    lines = text.splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def _info(cls: type[msgspec.Struct]) -> shapes.StructType:
    info = shapes.type_info(cls)
    assert isinstance(info, shapes.StructType)
    return info


def _interface(cls: type[msgspec.Struct]) -> str:
    info = _info(cls)
    lines = [f"  {info.tag_field}: '{info.tag}'\n"] if info.tag_field else []
    for field in info.fields:
        lines.append(f"  {field.encode_name}{'' if field.required else '?'}: {type_of(field.type)}\n")
    return f"{_comment(cls)}export interface {cls.__name__} {{\n{''.join(lines)}}}\n"


def _structs() -> list[type[msgspec.Struct]]:
    """Every class in the order of its definition, the bases left out."""
    bases = (messages.Message, messages.Operation)
    found = [item for item in vars(messages).values() if isinstance(item, type) and issubclass(item, msgspec.Struct)]
    return [cls for cls in found if cls not in bases]


def _tag(cls: type[msgspec.Struct]) -> str:
    return str(_info(cls).tag)


def _table(name: str, classes: tuple[type[msgspec.Struct], ...]) -> str:
    rows = "".join(f"  '{_tag(cls)}': '{cls.__name__}',\n" for cls in classes)
    return f"export const {name}: Readonly<Record<string, string>> = {{\n{rows}}}\n"


def _shapes() -> str:
    rows = []
    for cls in _structs():
        fields = {f.encode_name: [shape_of(f.type), f.required] for f in _info(cls).fields}
        rows.append(f"  {cls.__name__}: {json.dumps(fields, ensure_ascii=False)},\n")
    return (
        "/** For the decoder: each field's shape, and whether it must be there. */\n"
        "type Fields = Readonly<Record<string, readonly [unknown, boolean]>>\n"
        f"export const SHAPES: Readonly<Record<string, Fields>> = {{\n{''.join(rows)}}}\n"
    )


def generate() -> str:
    """The whole file as text."""
    parts = [HEADER, "".join(f"export const {name} = {getattr(messages, name)}\n" for name in CONSTANTS)]
    parts += [_interface(cls) for cls in _structs()]
    parts.append("export type AnyOperation = " + " | ".join(cls.__name__ for cls in OPERATIONS) + "\n")
    for name, classes in DIRECTIONS.items():
        members = "".join(f"\n  | {cls.__name__}" for cls in classes)
        parts.append(f"export type {name} ={members}\n")
    parts.append("// The kinds of each direction, and the name of each one's shape.\n")
    parts += [_table(re.sub("(?<=.)(?=[A-Z])", "_", name).upper(), classes) for name, classes in DIRECTIONS.items()]
    parts += [_table("OPERATIONS", OPERATIONS), _shapes()]
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Writes the file, or with ``--check`` compares it. The exit status is 1 where it is out of date."""
    text = generate()
    if "--check" not in arguments:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET.name} does not match messages.py: run `make generate` and commit the result", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
