"""The one tree of errors that Quick Edit tells people about.

    QuickEditError
    ├── BadInput            400 / 4400   malformed; asking again unchanged cannot help
    │   ├── BadPath
    │   └── BadFrame
    ├── NotSignedIn         401 / 4401
    ├── Forbidden           403 / 4403
    ├── NotFound            404 / 4404   also what an outsider sees of somebody else's worker
    ├── Conflict            409 / 4409   the name is taken, the file is gone, the target exists
    ├── TooLarge            413 / 4413
    ├── Stale               410 / 4410   the base revision is older than the log
    └── Unavailable         503 / 4503   a part of ours is down for the moment; asking again helps

Every error has a machine-readable ``code``, a sentence for a person and, where there is one, the next step as ``hint``.
The HTTP API and the bridge each have one handler that turns this tree into an answer; nothing recognises an error by
its text.
"""

from __future__ import annotations


class QuickEditError(Exception):
    """The root. ``status`` is the HTTP status, ``close_code`` the WebSocket close code where the bridge must end."""

    status = 500
    close_code = 4500
    default_code = "internal"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint


class BadInput(QuickEditError):
    status, close_code, default_code = 400, 4400, "bad-input"


class BadPath(BadInput):
    default_code = "bad-path"


class BadFrame(BadInput):
    default_code = "bad-frame"


class NotSignedIn(QuickEditError):
    status, close_code, default_code = 401, 4401, "not-signed-in"


class Forbidden(QuickEditError):
    status, close_code, default_code = 403, 4403, "forbidden"


class NotFound(QuickEditError):
    status, close_code, default_code = 404, 4404, "not-found"


class Conflict(QuickEditError):
    status, close_code, default_code = 409, 4409, "conflict"


class Stale(QuickEditError):
    status, close_code, default_code = 410, 4410, "stale"


class TooLarge(QuickEditError):
    status, close_code, default_code = 413, 4413, "too-large"


class Unavailable(QuickEditError):
    status, close_code, default_code = 503, 4503, "unavailable"
