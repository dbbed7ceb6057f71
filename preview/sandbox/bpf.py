"""A small assembler for the classic BPF programs that seccomp runs. Called by preview.sandbox.seccomp alone.

A program decides by the system call's number: the numbers are cut into ranges of equal treatment and searched as a
tree, as the kernel walks the whole program once for each of its calls when it is installed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_LOAD, _AND, _JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x45, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_ARGUMENTS = 0, 4, 16

ALLOW = 0x7FFF0000
KILL = 0x80000000

Program = list[bytes]


def refuse(errno: int) -> int:
    """The verdict that makes the call return ``errno``."""
    return 0x00050000 | errno


@dataclass(frozen=True)
class OneOf:
    """Allows the call where an argument that the kernel reads as an int is one of ``values``, else ``otherwise``."""

    argument: int
    values: tuple[int, ...]
    otherwise: int

    def body(self) -> Program:
        checks = [_instruction(_JUMP_EQUAL, len(self.values) - i, 0, value) for i, value in enumerate(self.values)]
        return [_argument(self.argument), *checks, _return(self.otherwise), _return(ALLOW)]


@dataclass(frozen=True)
class Flags:
    """Allows the call where the argument has the bit ``needed`` and none of ``forbidden``, else ``otherwise``."""

    argument: int
    needed: int
    forbidden: int
    otherwise: int

    def body(self) -> Program:
        return [
            _argument(self.argument),
            _instruction(_JUMP_ANY_BIT, 0, 2, self.needed),
            _instruction(_JUMP_ANY_BIT, 1, 0, self.forbidden),
            _return(ALLOW),
            _return(self.otherwise),
        ]


@dataclass(frozen=True)
class NoneOf:
    """Allows the call unless the argument, as an int and through ``mask``, is one of ``values``; then ``otherwise``."""

    argument: int
    mask: int
    values: tuple[int, ...]
    otherwise: int

    def body(self) -> Program:
        checks = [_instruction(_JUMP_EQUAL, len(self.values) - i, 0, value) for i, value in enumerate(self.values)]
        masked = [_argument(self.argument), _instruction(_AND, 0, 0, self.mask)]
        return [*masked, *checks, _return(ALLOW), _return(self.otherwise)]


@dataclass(frozen=True)
class Null:
    """Allows the call where an argument that is a pointer is null, else ``otherwise``."""

    argument: int
    otherwise: int

    def body(self) -> Program:
        return [
            _argument(self.argument),
            _instruction(_JUMP_EQUAL, 0, 2, 0),
            _instruction(_LOAD, 0, 0, _OFFSET_ARGUMENTS + 8 * self.argument + 4),
            _instruction(_JUMP_EQUAL, 1, 0, 0),
            _return(self.otherwise),
            _return(ALLOW),
        ]


Treatment = int | OneOf | NoneOf | Null | Flags
"""A verdict, or a look at an argument."""


def assemble(architecture: int, treatments: dict[int, Treatment], default: int, highest: int | None) -> bytes:
    """The program: kills what calls through another instruction set, or with a number from ``highest`` on (x32)."""
    tree = _tree(_ranges(treatments, default))
    program = [
        _instruction(_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        _instruction(_JUMP_EQUAL, 1, 0, architecture),
        _return(KILL),
        _instruction(_LOAD, 0, 0, _OFFSET_NUMBER),
    ]
    if highest is not None:
        program += [_instruction(_JUMP_AT_LEAST, 0, 1, highest), _return(KILL)]
    return b"".join(program + tree)


def _ranges(treatments: dict[int, Treatment], default: int) -> list[tuple[int, Treatment]]:
    """(first number, treatment) of each run of numbers that are treated alike, from 0 on."""
    ranges: list[tuple[int, Treatment]] = [(0, default)]

    def add(start: int, treatment: Treatment) -> None:
        if ranges[-1][0] == start:
            ranges.pop()
        if not ranges or ranges[-1][1] != treatment:
            ranges.append((start, treatment))

    for number in sorted(treatments):
        add(number, treatments[number])
        add(number + 1, default)
    return ranges


def _tree(ranges: Sequence[tuple[int, Treatment]]) -> Program:
    """A binary search over the ranges. A jump reaches 255 instructions, so a long left side takes two."""
    if len(ranges) == 1:
        treatment = ranges[0][1]
        return [_return(treatment)] if isinstance(treatment, int) else treatment.body()
    middle = len(ranges) // 2
    left, right = _tree(ranges[:middle]), _tree(ranges[middle:])
    pivot = ranges[middle][0]
    if len(left) <= 255:
        return [_instruction(_JUMP_AT_LEAST, len(left), 0, pivot), *left, *right]
    return [_instruction(_JUMP_AT_LEAST, 0, 1, pivot), _instruction(_JUMP, 0, 0, len(left)), *left, *right]


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _argument(index: int) -> bytes:
    return _instruction(_LOAD, 0, 0, _OFFSET_ARGUMENTS + 8 * index)


def _return(verdict: int) -> bytes:
    return _instruction(_RETURN, 0, 0, verdict)
