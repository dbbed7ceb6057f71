"""Where a test lets a web process die: each name is a place between the receipt of a batch and its acknowledgement.

``QUICKEDIT_FAILPOINT=name:count`` (read by ``quickedit.settings``, nowhere else) kills the process with SIGKILL the countth time
that it passes the place. Unset, passing one costs a comparison.
"""

from __future__ import annotations

import os
import signal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

POINTS = ("received", "arrived", "prepared", "transaction", "committed", "told", "answered", "sent")
"""In order: the frame is decoded; the room has the batch; it is mapped and waits for the writer; inside the transaction;
after the commit, before the room knows; the room knows, nobody was told; the answer waits to be sent; it was handed to the
socket.
"""

_name, _, _count = settings.FAILPOINT.partition(":")
if _name and (_name not in POINTS or not (_count or "1").isdigit()):
    raise ImproperlyConfigured(f"QUICKEDIT_FAILPOINT is {settings.FAILPOINT!r}: write one of {', '.join(POINTS)}")
_left = int(_count or 1)


def reach(point: str) -> None:
    """This place is passed. Kills the process where it is told to."""
    global _left
    if point == _name:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
