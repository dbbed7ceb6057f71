"""Snapshots on disk: the tree as JSON, the texts by digest, so that what did not change is not written again.

Only ``store`` calls this, inside its transactions.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from quickedit.errors import Unavailable
from quickedit.workspaces import blobs
from quickedit.workspaces.models import Snapshot
from quickedit.workspaces.paths import Tree
from quickedit.workspaces.tree import File, Workspace, make_binary, make_file


class _File(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    path: str
    digest: str
    eol: str = "lf"
    bom: bool = False
    binary: int | None = None
    """The size of a binary file, whose content has that digest; None for a text."""


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    files: list[_File]
    folders: list[str]
    gone: list[str]


def write(worker_id: int, revision: int, workspace: Workspace) -> None:
    """Keeps the workspace as of a revision."""
    texts = {file.id: file.text.encode() for file in workspace.files.values() if not file.digest}
    digests = {id: blobs.digest_of(text) for id, text in texts.items()}
    blobs.store_many(worker_id, {digests[id]: text for id, text in texts.items()})
    files = [
        _File(
            file.id, file.path, file.digest or digests[file.id], file.eol, file.bom, file.size if file.digest else None
        )
        for file in workspace.files.values()
    ]
    content = _Content(files, sorted(workspace.folders), sorted(workspace.gone))
    Snapshot.objects.get_or_create(
        worker_id=worker_id, revision=revision, defaults={"content": msgspec.json.encode(content).decode()}
    )


def read(snapshot: Snapshot) -> Workspace:
    """The workspace as it was. Raises Unavailable where a text is missing."""
    content = msgspec.json.decode(snapshot.content, type=_Content)
    texts = blobs.get_many(snapshot.worker_id, {file.digest for file in content.files if file.binary is None})
    if any(file.binary is None and file.digest not in texts for file in content.files):
        raise Unavailable(
            "A snapshot of this worker is damaged.", code="damaged", hint="Restore the database from a backup."
        )
    files = {file.id: _file(file, texts) for file in content.files}
    tree = Tree({file.path: file.id for file in content.files}, frozenset(content.folders))
    return Workspace(files, tree, frozenset(content.gone), sum(file.size for file in files.values()))


def _file(row: _File, texts: Mapping[str, bytes]) -> File:
    if row.binary is not None:
        return make_binary(row.id, row.path, row.digest, row.binary)
    return make_file(row.id, row.path, texts[row.digest].decode(), row.eol, row.bom)
