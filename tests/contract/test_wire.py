"""Every message of the bridge against the golden files that the browser's tests read too (rules P1–P5 of the
protocol)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Union

import msgspec
import pytest

from quickedit.errors import BadFrame, TooLarge
from quickedit.wire import codec, typescript
from quickedit.wire.messages import MAX_FRAME
from tests.contract import make_wire

GOLDEN = Path(__file__).parent / "wire"
DIRECTIONS = {re.sub("(?<=.)(?=[A-Z])", "-", name).lower(): classes for name, classes in typescript.DIRECTIONS.items()}


def cases(kind: str) -> list[Any]:
    found = []
    for direction in DIRECTIONS:
        for case in json.loads((GOLDEN / f"{direction}.json").read_text())[kind]:
            label = case["why"] if kind == "invalid" else case["t"]
            found.append(pytest.param(direction, case, id=f"{direction} {label}"))
    return found


def decoder(direction: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(Union[DIRECTIONS[direction]])  # noqa: UP007 (a tuple, not a list of names)


@pytest.mark.parametrize(("direction", "message"), cases("valid"))
def test_every_golden_message_is_read_and_written_again_as_it_was(direction: str, message: dict[str, Any]) -> None:
    read = decoder(direction).decode(json.dumps(message))
    written = json.loads(codec.encode(read))
    assert decoder(direction).decode(codec.encode(read)) == read
    for key, value in message.items():
        # What is in these gains its defaults when it is written.
        if key not in ("ops", "flight", "buffer", "bases", "people", "catch_up", "present", "records"):
            assert written[key] == value


@pytest.mark.parametrize(("direction", "case"), cases("invalid"))
def test_P2_a_frame_that_is_no_message_of_its_direction_is_refused(direction: str, case: dict[str, str]) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        decoder(direction).decode(case["frame"])
    if direction == "to-server":
        with pytest.raises(BadFrame) as refusal:
            codec.decode(case["frame"])
        assert refusal.value.message


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_kind_of_message_and_operation_has_a_golden_case(direction: str) -> None:
    messages = json.loads((GOLDEN / f"{direction}.json").read_text())["valid"]
    assert {message["t"] for message in messages} == {cls.__struct_config__.tag for cls in DIRECTIONS[direction]}
    for cls in DIRECTIONS[direction]:
        given = [message for message in messages if message["t"] == cls.__struct_config__.tag]
        for field in msgspec.structs.fields(cls):
            assert any(field.encode_name in message for message in given), f"{cls.__name__}.{field.name} is never given"
            if not field.required:
                assert any(field.encode_name not in message for message in given), f"{field.name} is never left out"


def test_every_operation_has_a_golden_case() -> None:
    kinds = {cls.__struct_config__.tag for cls in typescript.OPERATIONS}
    assert {operation["op"] for operation in make_wire.OPERATIONS} == kinds


def test_the_golden_files_are_what_their_maker_writes() -> None:
    for direction, messages in make_wire.VALID.items():
        content = {"valid": messages, "invalid": make_wire.invalid(direction)}
        assert json.loads((GOLDEN / f"{direction}.json").read_text()) == content, (
            "run python -m tests.contract.make_wire"
        )


def test_P1_a_frame_of_exactly_the_limit_is_read_and_one_byte_more_is_refused_by_size() -> None:
    frame = '{"t":"lsp","body":{"a":""}}'
    full = frame.replace('""', '"' + "a" * (MAX_FRAME - len(frame)) + '"')
    assert len(full) == MAX_FRAME
    codec.decode(full)
    for over in (full.replace('"a":"', '"a":"a'), full.replace('"a":"a', '"a":"é')):
        with pytest.raises(TooLarge) as refusal:
            codec.decode(over)
        assert refusal.value.code == "frame-too-large"


def test_P1_the_server_never_sends_a_frame_over_the_limit() -> None:
    with pytest.raises(TooLarge):
        codec.encode(codec.LspToServer(body={"a": "a" * MAX_FRAME}))


def test_P2_an_unknown_kind_is_refused_by_its_name_and_the_name_is_bounded() -> None:
    with pytest.raises(BadFrame, match="“zap”") as refusal:
        codec.decode('{"t":"zap","n":1}')
    assert refusal.value.code == "unknown-frame"
    with pytest.raises(BadFrame) as refusal:
        codec.decode(json.dumps({"t": "z" * 100_000}))
    assert len(refusal.value.message) < 200


def test_P2_a_batch_has_its_operations_or_a_digest_and_never_both_or_neither() -> None:
    for extra in ({}, {"ops": None}, {"ops": [], "blob": make_wire.DIGEST}):
        with pytest.raises(BadFrame, match="exactly one"):
            codec.decode(json.dumps({"t": "op", "seq": 1, "base": 0, **extra}))


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"\ud800x", r"\ude00\ud83d"])
def test_Y6_a_lone_surrogate_in_a_frame_is_refused(text: str) -> None:
    frame = f'{{"t":"op","seq":1,"base":0,"ops":[{{"op":"create","file":"f","path":"a","text":"{text}"}}]}}'
    with pytest.raises(BadFrame):
        codec.decode(frame)
    with pytest.raises(BadFrame):
        codec.decode(frame.replace(text, text.encode().decode("unicode_escape")))
    with pytest.raises(BadFrame):
        codec.decode_operations(f'[{{"op":"delete","path":"{text}"}}]'.encode())


def test_P2_deep_nesting_is_refused() -> None:
    for frame in (
        f'{{"t":"lsp","body":{{"a":{make_wire.DEEP}}}}}',
        make_wire.DEEP,
        f'{{"t":"op","ops":{make_wire.DEEP}}}',
    ):
        with pytest.raises(BadFrame):
            codec.decode(frame)
    with pytest.raises(BadFrame):
        codec.decode_operations(make_wire.DEEP.encode())


def test_B2_every_mutation_of_every_frame_is_read_or_refused_and_nothing_else() -> None:
    for message in make_wire.VALID["to-server"]:
        frame = json.dumps(message).encode()
        for at in range(len(frame)):
            for mutated in (
                frame[:at],
                frame[:at] + b"\xff" + frame[at + 1 :],
                frame[:at] + b'"' + frame[at:],
                frame[at:],
            ):
                try:
                    codec.decode(mutated)
                except BadFrame:
                    pass


def test_a_binary_file_has_no_text_and_an_editor_shows_32_selections_at_most() -> None:
    create = {"op": "create", "file": "f", "path": "a.png", "digest": make_wire.DIGEST, "size": 1}
    for extra in ({"text": "x"}, {"bom": True}, {"eol": "crlf"}):
        with pytest.raises(BadFrame):
            codec.decode(json.dumps({"t": "op", "seq": 1, "base": 0, "ops": [{**create, **extra}]}))
    ranges = [{"anchor": 0, "head": 0}] * 32
    codec.decode(json.dumps({"t": "presence", "file": "f", "ranges": ranges}))
    with pytest.raises(BadFrame):
        codec.decode(json.dumps({"t": "presence", "file": "f", "ranges": [*ranges, ranges[0]]}))


def test_a_blob_over_its_limit_is_refused() -> None:
    with pytest.raises(TooLarge):
        codec.decode_operations(b" " * (codec.MAX_BLOB + 1))


def test_the_typescript_is_generated_from_the_messages_as_they_are() -> None:
    check = [sys.executable, "-m", "quickedit.wire.typescript", "--check"]
    assert subprocess.run(check, capture_output=True, timeout=60).returncode == 0, "run make generate"
    assert "Do not edit" in typescript.TARGET.read_text().splitlines()[1]
