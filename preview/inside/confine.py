"""What a newly forked child does to itself before it meets user code, in the one order that the kernel accepts.

The zygote calls `enter` in the child. Every step is irreversible, and a step that fails ends the child: nothing here
goes on with less than it was told to set up.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preview.forking import Plan
from preview.sandbox import capabilities, landlock, mounts, namespaces, rlimits, seccomp

if TYPE_CHECKING:
    from preview.inside.zygote import Birth

CHANNEL = 3
_RULESET = 4


@dataclass(frozen=True)
class Walls:
    """What the zygote makes once, and each child puts up: what installs the seccomp program, None where there is none, and a
    Landlock ruleset's descriptor.

    The ruleset is -1 where each child makes its own, since its folders are not there before.
    """

    install_filter: Callable[[], None] | None = None
    ruleset: int = -1


def prepare(plan: Plan) -> Walls:
    """Called by the zygote, before it forks. Raises OSError where this kernel lacks a wall."""
    if plan.tier == "off":
        return Walls()
    if plan.tier == "A":
        return Walls(seccomp.Filter(seccomp.program(), own=1).install)  # each child is the first of its pid namespace
    install, rules = None, -1
    if "seccomp" not in plan.without:
        install = functools.partial(seccomp.install, seccomp.program(shared=True))
    if "landlock" not in plan.without:
        rules = landlock.ruleset(read=plan.read, use=plan.use, browse=plan.browse, version=plan.landlock)
    return Walls(install, rules)


def share(plan: Plan) -> None:
    """Called by the zygote as the last thing before it forks: what every child inherits, and need not do again. Irreversible.
    Raises OSError."""
    if plan.own_uids or (plan.tier == "B" and os.geteuid() == 0):
        # While the uid is still 0: after a change the bounding set could no longer be emptied.
        capabilities.drop_bounding_set()
    rlimits.inherited(address_space=plan.address_space, file_size=plan.tmp_size)
    if plan.tier != "off":
        capabilities.no_new_privileges()
    os.umask(0o022)


def enter(plan: Plan, walls: Walls, birth: Birth, own: Collection[int]) -> socket.socket:
    """Confines this process as planned and returns its end of the channel. Raises OSError.

    ``own`` are descriptors that it keeps where they are, none of them one of those that it fills.
    """
    _keep_needed_descriptors(birth, walls, own)
    if plan.tier == "A":
        _private_folders(plan, birth.number if plan.own_uids else 0)
    if plan.own_uids:
        _become(birth.number if plan.tier == "A" else plan.uid_base + birth.number)
    elif plan.tier == "A":
        # All children share one uid; a user namespace each gives each its own count of threads, and all capabilities anew.
        namespaces.unshare(namespaces.USER)
        capabilities.drop_bounding_set()
    capabilities.die_with_parent()
    capabilities.set_dumpable(False)
    # In tier B without own uids the count would be of all that this user runs; see outside.watch.
    rlimits.own(open_files=plan.open_files, threads=plan.threads if plan.tier == "A" or plan.own_uids else None)
    if plan.tier != "off":
        capabilities.drop_all()
    if plan.tier == "A":
        landlock.restrict(read=plan.read, use=plan.use, version=plan.landlock)
    elif walls.ruleset >= 0:
        landlock.enter(_RULESET)
        os.close(_RULESET)
    os.chdir("/worker" if plan.tier == "A" else "/")
    channel = socket.socket(fileno=CHANNEL)
    if walls.install_filter is not None:
        walls.install_filter()
    return channel


def _become(number: int) -> None:
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)


def _keep_needed_descriptors(birth: Birth, walls: Walls, own: Collection[int]) -> None:
    """0 reads nothing, 1 and 2 are the pipe for last words, 3 is the channel, 4 a ruleset for a moment; what is not its own
    of the rest is closed.

    The pipe never blocks: the supervisor reads it only once the child is gone.
    """
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.set_blocking(birth.last_words, False)
    kept = [nothing, birth.last_words, birth.last_words, birth.channel]
    if walls.ruleset >= 0:
        kept.append(walls.ruleset)
    # First out of the way of 0 to 4, then into place.
    sources = [os.dup2(fd, 100 + index) for index, fd in enumerate(kept)]
    for target, source in enumerate(sources):
        os.dup2(source, target, inheritable=False)
    first = len(kept)
    for fd in (*sorted(own), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, fd)
        first = fd + 1


def _private_folders(plan: Plan, owner: int) -> None:
    namespaces.unshare(namespaces.MOUNT)
    mounts.tmpfs("/worker", size=plan.files_size, inodes=4096, owner=owner)
    mounts.tmpfs("/tmp", size=plan.tmp_size, inodes=1024, owner=owner)
