"""Bundles on disk: the modules of a version in one file whose name is their digest.

Written once, synced before anybody hears of it, verified when read. Synchronous file access; called from threads.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from preview import bundle
from preview.bundle import ProtocolError, pack_modules, unpack_modules
from quickedit.errors import Unavailable


def _file(digest: str) -> Path:
    if len(digest) < 32 or not digest.isalnum():
        raise ValueError(f"not a digest: {digest!r}")
    directory: Path = settings.BUNDLES_DIR
    return directory / digest[:2] / digest


def store(modules: Mapping[str, bytes]) -> str:
    """Keeps the modules and returns their digest; durable when it returns. Storing the same modules again costs
    nothing.
    """
    digest = bundle.digest(modules)
    file = _file(digest)
    if file.exists():
        return digest
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{digest}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(pack_modules(modules))
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    for directory in (file.parent, file.parent.parent):
        _sync_directory(directory)
    return digest


def load(digest: str) -> dict[str, bytes]:
    """The modules of that digest. Raises Unavailable where the file is missing or is not what its name says."""
    try:
        modules = unpack_modules(_file(digest).read_bytes())
    except (OSError, ProtocolError) as error:
        raise Unavailable(
            f"The bundle {digest[:12]} cannot be read.", code="bundle-missing", hint="Deploy again."
        ) from error
    if bundle.digest(modules) != digest:
        raise Unavailable(f"The bundle {digest[:12]} is damaged.", code="bundle-damaged", hint="Deploy again.")
    return modules


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
