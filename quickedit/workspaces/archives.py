"""Zip archives of a worker, in and out. An archive that comes in is hostile: every path is judged by the one rule, every size is
counted while it is unpacked and not believed, and what is neither a file nor a folder is refused (B5). Pure.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping

from preview.bundle import MAX_MODULE, MAX_MODULES, MAX_WORKER
from quickedit.errors import BadInput, Conflict, TooLarge
from quickedit.workspaces.paths import check_path, fold

MAX_ARCHIVE = 12 * 1024 * 1024
"""Bytes of a zip: a whole worker that does not compress."""
MAX_ENTRIES = 4 * MAX_MODULES
"""Entries looked at, folders and what is left out counted too."""
_LEFT_OUT = frozenset({"__MACOSX", "__pycache__", ".git", ".DS_Store", "Thumbs.db", "node_modules", ".venv"})
_ENCRYPTED = 0x1
_EPOCH = (1980, 1, 1, 0, 0, 0)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def pack(modules: Mapping[str, bytes]) -> bytes:
    """A zip of the files. The same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(modules):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, modules[path])
    return stream.getvalue()


def unpack(data: bytes, folder: str = "") -> dict[str, bytes]:
    """The files of a zip by path, below ``folder`` where one is given. What editors and systems leave behind is left out.
    Raises BadInput, BadPath, Conflict and TooLarge, and has then written nothing, as it never does."""
    if len(data) > MAX_ARCHIVE:
        raise TooLarge(f"An archive can be at most {MAX_ARCHIVE} bytes long; this one is {len(data)}.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise BadInput(f"This is no zip archive that can be read: {error}.", code="bad-archive") from error


def _read(archive: zipfile.ZipFile, folder: str) -> dict[str, bytes]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise TooLarge(f"An archive can have {MAX_ENTRIES} entries; this one has {len(entries)}.")
    files: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    total = 0
    for entry in entries:
        _check_kind(entry)
        parts = entry.filename.rstrip("/").split("/")
        path = check_path("/".join([*([folder] if folder else []), *parts]))
        if entry.is_dir() or _LEFT_OUT.intersection(parts):
            continue
        other = seen.setdefault(fold(path), path)
        if path in files or other != path:
            raise Conflict(f"The archive has “{path}” twice, perhaps in another case.", code="path-taken")
        if len(files) >= MAX_MODULES:
            raise TooLarge(f"A worker can hold {MAX_MODULES} modules.")
        content = _content(archive, entry, path, min(MAX_MODULE, MAX_WORKER - total))
        total += len(content)
        files[path] = content
    return files


def _check_kind(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename[:200]
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadInput(
            f"“{name}” is a link or a device; an archive may hold files and folders only.", code="bad-archive"
        )
    if entry.flag_bits & _ENCRYPTED:
        raise BadInput(f"“{name}” is encrypted.", code="bad-archive")
    if entry.compress_type not in _METHODS:
        raise BadInput(
            f"“{name}” is compressed in a way that is not read here.", code="bad-archive", hint="Use deflate."
        )
    if "\0" in name or entry.filename.startswith("/"):
        raise BadInput(f"“{name!r}” is no path that a module can have.", code="bad-path")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, limit: int) -> bytes:
    """At most so many bytes are ever unpacked, whatever the entry says of itself."""
    with archive.open(entry) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        which = (
            f"“{path}” is over {MAX_MODULE} bytes" if limit == MAX_MODULE else f"The files are over {MAX_WORKER} bytes"
        )
        raise TooLarge(f"{which} unpacked.", hint="Leave out what the worker does not need.")
    return content
