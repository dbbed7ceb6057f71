"""The messages between the host page and the editor iframe, over their port: never on the WebSocket."""

# mypy: disable-error-code="misc"
# (The bases say frozen, and msgspec passes that on; mypy knows only dataclasses, which do not.)

from __future__ import annotations

from typing import Literal

import msgspec

from quickedit.wire.base import Count, Id, Message
from quickedit.wire.operations import AnyOperation


class BootedToHost(Message, tag="booted"):
    """The workbench has painted; ``ms`` since the iframe began to load."""

    ms: float


class CompiledToHost(Message, tag="compiled"):
    """This browser has the editor's scripts compiled and on its disk."""


class StatusToHost(Message, tag="status"):
    """What the status line shows. ``waiting`` counts batches' worth of edits not acknowledged; ``kept`` says that the
    outbox has all of them on this machine's disk, so that the page may be left."""

    state: Literal["saved", "saving", "offline"]
    revision: int
    waiting: int
    kept: bool = True


class BaseText(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A file as the server confirmed it, below the edits that wait. ``text`` is null where it is as it was stored
    last."""

    id: Id
    path: str
    eol: Literal["lf", "crlf"]
    bom: bool
    text: str | None = None


class StoreToHost(Message, tag="store"):
    """What is not acknowledged, for the outbox: ``flight`` is the batch ``seq`` (or nothing, and ``seq`` the last
    number used), ``buffer`` was made after it, both on top of ``revision``. ``bases`` are the files that they edit,
    without ``text`` where the last one stored still holds; ``held`` are those whose edits the server would refuse. ``n``
    comes back in ``stored``."""

    n: Count
    client: Id
    revision: Count
    seq: Count
    flight: list[AnyOperation]
    buffer: list[AnyOperation]
    held: list[Id]
    bases: list[BaseText]


class ForgetToHost(Message, tag="forget"):
    """All that this client had in the outbox is acknowledged."""

    client: Id


class Colleague(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Another editor that is here. ``hue`` numbers the colour of its cursor; ``path`` is null where it has no file."""

    client: Id
    id: int
    name: str
    role: Literal["owner", "editor", "viewer"]
    hue: Count
    path: str | None = None
    line: Count = 0


class PeopleToHost(Message, tag="people"):
    """Who else is here and where, for the faces in the bar; ``following`` is whose cursor this editor goes after."""

    people: list[Colleague]
    following: Id | None = None


class FetchToHost(Message, tag="fetch"):
    """Asks the host page, which has the cookie, for a path below /api/v1/workers/<this worker>/. With ``put`` or
    ``post``, uploads it. With ``base64`` the bodies, both ways, are bytes in base64."""

    id: int
    path: str
    put: str | None = None
    post: str | None = None
    base64: bool = False


class NoticeToHost(Message, tag="notice"):
    """Something a person must see: a refusal, text set aside. With ``over``, what an earlier one with the same message said is
    so no more."""

    level: Literal["info", "warning", "error"]
    message: str
    hint: str = ""
    over: bool = False


class KeyToHost(Message, tag="key"):
    """A host-page shortcut pressed while the focus is in the iframe: deploy, next-region, tab-1…4, preview."""

    name: str


class ReconnectToHost(Message, tag="reconnect"):
    """The iframe saw a gap in the committed revisions: the host page closes the WebSocket and opens another, so that
    the welcome's catch-up fills it. The iframe has no other way to begin again, because hello is sent exactly once."""

    reason: str


class FetchedToEditor(Message, tag="fetched"):
    """The answer to a fetch. ``status`` is the HTTP status, 0 where the network failed."""

    id: int
    status: int
    text: str


class ConnectionToEditor(Message, tag="connection"):
    """The WebSocket opened (send hello) or closed (keep edits, wait)."""

    open: bool


class StoredToEditor(Message, tag="stored"):
    """The outbox has written what ``store`` number ``n`` gave it, or (``ok`` false) could not."""

    n: Count
    ok: bool


class AsideToEditor(Message, tag="aside"):
    """Text of an earlier session that the server refused and that now stands nowhere else: show it."""

    path: str
    text: str


class FollowToEditor(Message, tag="follow"):
    """Go where that editor's cursor goes, until something is done here; null ends it."""

    client: Id | None = None


class ThemeToEditor(Message, tag="theme"):
    theme: Literal["light", "dark"]


class OpenToEditor(Message, tag="open"):
    """Show a file at a line (1-based) and give the editor the focus where ``focus`` is true."""

    path: str
    line: int
    focus: bool = True


class FocusToEditor(Message, tag="focus"):
    pass
