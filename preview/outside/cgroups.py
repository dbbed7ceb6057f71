"""Control groups around children: memory, with everything that a process has in files and buffers, and a count of tasks.

`children` opens them once and puts every child into one. A second wall behind the resource limits, had where the host
lets this user make groups: as root nearly everywhere, else where one was delegated (systemd's ``Delegate=yes``). Both
versions of the interface are spoken. Nothing here raises for want of groups: ``lack`` says why there are none.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_CONTROLLERS = ("memory", "pids")
_PREFIX = "quickedit-"


@dataclass(frozen=True)
class _Place:
    """A folder of one hierarchy in which we make groups, and the controllers that it limits."""

    folder: Path
    controllers: tuple[str, ...]
    version: int


@dataclass(eq=False)
class Group:
    """One child's group, used by one after the other: ``kills`` are the out-of-memory kills before this one's time."""

    name: str
    kills: int = 0


@dataclass
class Cgroups:
    """Made with `find`. ``memory`` is bytes and ``tasks`` a count, for each group."""

    memory: int
    tasks: int
    lack: str = ""
    _places: list[_Place] = field(default_factory=list)
    _free: list[Group] = field(default_factory=list)
    _made: int = 0

    @classmethod
    def find(cls, memory: int, tasks: int) -> Cgroups:
        found = cls(memory, tasks)
        try:
            found._places = _open_places()
        except OSError as error:
            found.lack = f"this user may not make control groups ({error.strerror}: {error.filename})"
        if not found._places and not found.lack:
            found.lack = "no memory or pids controller is within reach"
        return found

    @property
    def controllers(self) -> tuple[str, ...]:
        """What is limited, of memory and pids."""
        return tuple(name for place in self._places for name in place.controllers)

    def enter(self, pid: int) -> Group | None:
        """Puts a process, and all that it will start, into a group of its own. None where there are no groups."""
        if not self._places or not pid:
            return None
        try:
            group = self._free.pop() if self._free else self._make()
            group.kills = self._kills(group)
            try:
                for place in self._places:
                    (place.folder / group.name / "cgroup.procs").write_text(str(pid))
            except ProcessLookupError:  # it ended in this moment
                self._free.append(group)
                return None
        except OSError as error:
            self._places = []
            self.lack = f"control groups stopped working: {error}"
            return None
        return group

    def leave(self, group: Group) -> bool:
        """Once the process is dead: takes the group back. True where the kernel had killed it for its memory."""
        killed = self._kills(group) > group.kills
        self._free.append(group)
        return killed

    def close(self) -> bool:
        """Removes the groups, once all children are dead. False where one is still in use: the kernel takes a moment."""
        self._free = []
        self._places = [place for place in self._places if not _remove(place.folder)]
        return not self._places

    def _make(self) -> Group:
        self._made += 1
        group = Group(str(self._made))
        for place in self._places:
            folder = place.folder / group.name
            folder.mkdir()
            if "pids" in place.controllers:
                (folder / "pids.max").write_text(str(self.tasks))
            if "memory" in place.controllers:
                _limit_memory(folder, self.memory, place.version)
        return group

    def _kills(self, group: Group) -> int:
        for place in self._places:
            if "memory" in place.controllers:
                events = "memory.events" if place.version == 2 else "memory.oom_control"
                with contextlib.suppress(OSError):
                    found = re.search(r"^oom_kill (\d+)", (place.folder / group.name / events).read_text(), re.M)
                    return int(found[1]) if found else 0
        return 0


def _limit_memory(folder: Path, size: int, version: int) -> None:
    main, swap, swapped = (
        ("memory.max", "memory.swap.max", 0)
        if version == 2
        else ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", size)
    )
    (folder / main).write_text(str(size))
    with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
        (folder / swap).write_text(str(swapped))


def _open_places() -> list[_Place]:
    """Where we can make groups. Raises OSError where there are controllers but not for us."""
    own = {names: path for _, names, path in map(_split, Path("/proc/self/cgroup").read_text().splitlines())}
    mounts = list(_mounts())
    refused: OSError | None = None
    places: list[_Place] = []
    for kind, point, root, options in mounts:
        names = tuple(name for name in _CONTROLLERS if name in options)
        path = next((path for key, path in own.items() if set(key.split(",")) & set(names)), "")
        if kind == "cgroup2":
            names, path = _CONTROLLERS, own.get("", "")
        taken = {name for place in places for name in place.controllers}
        if not names or not path or taken & set(names):
            continue
        folder = point / path.removeprefix(root).lstrip("/")
        try:
            place = _version_2(folder, point) if kind == "cgroup2" else _place(folder, names, 1)
        except OSError as error:
            refused = error
            continue
        if place is not None:
            places.append(place)
    if refused is not None and not places:
        raise refused
    return places


def _version_2(folder: Path, point: Path) -> _Place | None:
    """A group whose children get controllers. Where ours holds processes it may have none, so these move into a leaf."""
    offered = [name for name in _CONTROLLERS if name in (folder / "cgroup.controllers").read_text().split()]
    if not offered:
        return None
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "Permission denied", str(folder))
    given = (folder / "cgroup.subtree_control").read_text().split()
    if not set(offered) <= set(given):
        if folder != point:
            leaf = folder / f"{_PREFIX}server"
            leaf.mkdir(exist_ok=True)
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):  # a thread of the kernel's, or gone already
                    (leaf / "cgroup.procs").write_text(pid)
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in offered))
    place = _place(folder, tuple(offered), 2)
    (place.folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in offered))
    return place


def _place(folder: Path, controllers: tuple[str, ...], version: int) -> _Place:
    for left in folder.glob(f"{_PREFIX}[0-9]*"):
        if not Path("/proc", left.name.split("-")[1]).exists():  # of a runner that was killed
            _remove(left)
    # A name that nobody has: not another Cgroups of this process, and not a dead one that had the same process id.
    ours = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder)
    return _Place(Path(ours), controllers, version)


def _remove(folder: Path) -> bool:
    try:
        for group in [child for child in folder.iterdir() if child.is_dir()]:
            group.rmdir()
        folder.rmdir()
    except OSError:
        return not folder.exists()
    return True


def _split(line: str) -> tuple[str, str, str]:
    number, names, path = line.split(":", 2)
    return number, names, path


def _mounts() -> list[tuple[str, Path, str, set[str]]]:
    """(kind, mount point, which group lies there, options) of each hierarchy."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = before.split(" ")[3:5]
            found.append((kind, Path(point), root.rstrip("/"), set(options.split(","))))
    return found
