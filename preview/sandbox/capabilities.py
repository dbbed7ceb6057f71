"""Capabilities and the bits next to them that can only be given away. Called by the launcher and by each child.

The bounding set is dropped first, while CAP_SETPCAP is still held: after a change of uid the drop is refused.
"""

from __future__ import annotations

import struct

from preview.sandbox.syscalls import libc, prctl, syscall

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522


def drop_bounding_set() -> None:
    """Empties the bounding set, so that no later exec or uid change can bring a capability back. Needs CAP_SETPCAP."""
    for capability in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            if capability == 0:
                prctl(_PR_CAPBSET_DROP, capability)  # again, for its error: not even the first could be dropped
            return


def drop_all() -> None:
    """Empties the ambient, effective, permitted and inheritable sets. Irreversible."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    syscall("capset", struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def no_new_privileges() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def set_dumpable(dumpable: bool) -> None:
    """An undumpable process can be neither traced nor looked into through /proc by its own uid."""
    prctl(_PR_SET_DUMPABLE, int(dumpable))


def die_with_parent() -> None:
    """SIGKILL when the parent goes. The kernel forgets it at a change of uid, so call it after."""
    prctl(_PR_SET_PDEATHSIG, 9)
