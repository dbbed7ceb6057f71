"""What the part ``web`` does in its process: ``quickedit.serve``, Daphne with the application. Forked by ``quickedit up``.

``up`` imports the application before it forks (``prepare``), so that a part that died is back in a fraction of a second.
Importing ``daphne.server`` opens an event loop, which cannot be shared with a parent: that happens in the child.
"""

from __future__ import annotations

import gc
import importlib
import sys

_HEAVY = ("twisted.internet.posixbase", "twisted.protocols.tls", "twisted.web.http", "autobahn.websocket.protocol")
"""What takes Daphne longest to import and needs no event loop yet."""


def prepare() -> None:
    """Before the fork: the application, with every check of the settings. Raises ImproperlyConfigured."""
    importlib.import_module("quickedit.asgi")
    if "twisted.internet.reactor" in sys.modules:
        raise AssertionError("something imported at start opens Twisted's event loop, which must not cross a fork")


def prepare_restart() -> None:
    """Once everything runs: what a restarted web process need not import again."""
    for name in _HEAVY:
        importlib.import_module(name)
    gc.freeze()


def serve(host: str, port: int) -> None:
    """In the child, until SIGTERM. It says on standard output when it listens."""
    if not importlib.import_module("quickedit.serve").serve(host, port):
        raise SystemExit(1)
