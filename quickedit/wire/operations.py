"""What changes a workspace: the operations that batches are made of, on the wire and in the log."""

# mypy: disable-error-code="misc"
# (The bases say frozen, and msgspec passes that on; mypy knows only dataclasses, which do not.)

from __future__ import annotations

from typing import Any, Literal

import msgspec

from quickedit.wire.base import Count, Digest, Id


class Operation(msgspec.Struct, tag_field="op", forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The base of what changes a workspace."""


class Edit(Operation, tag="edit"):
    """Changes the text of one file. ``changes`` is the JSON form of a CodeMirror ChangeSet."""

    file: Id
    changes: list[Any]


class Create(Operation, tag="create"):
    """A new file, with an id chosen by the client (unique in the workspace for ever). Missing parent folders come with
    it. A binary file has no text: ``digest`` names its content, a blob uploaded before, of ``size`` bytes."""

    file: Id
    path: str
    text: str = ""
    eol: Literal["lf", "crlf"] = "lf"
    bom: bool = False
    digest: Digest | None = None
    size: Count = 0

    def __post_init__(self) -> None:
        if self.digest is not None and (self.text or self.bom or self.eol != "lf"):
            raise ValueError("a binary file has no text, line ends or byte order mark")


class CreateFolder(Operation, tag="create-folder"):
    path: str


class Delete(Operation, tag="delete"):
    """Deletes a file, or a folder with all that it holds."""

    path: str


class Rename(Operation, tag="rename"):
    """Moves a file or a folder with all that it holds, at once. The target must be free; its parents come with it."""

    path: str
    to: str


class SetAttributes(Operation, tag="attributes"):
    """Line ends and byte order mark are attributes of a file, not part of its text."""

    file: Id
    eol: Literal["lf", "crlf"]
    bom: bool


class SetContent(Operation, tag="content"):
    """Other bytes for a binary file: a blob uploaded before, of ``size`` bytes. Of two at once the later one stays, and
    the earlier one is in the history."""

    file: Id
    digest: Digest
    size: Count


AnyOperation = Edit | Create | CreateFolder | Delete | Rename | SetAttributes | SetContent
