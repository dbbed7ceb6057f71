"""The bridge's messages: the one definition, from which ``frontend/src/wire/messages.ts`` is generated.

A frame is one JSON object with a tag ``t``. Four directions exist, and a message belongs to exactly one:

* ``…ToServer``  the sync client in the editor iframe → port → host page → WebSocket → room
* ``…ToClient``  the server → WebSocket → host page → port → iframe (the host page also reads some in passing)
* ``…ToHost``    iframe → host page, over the port only; never on the WebSocket
* ``…ToEditor``  host page → iframe, over the port only

Decoding is strict: an unknown tag, field or type is refused by name. Offsets in text are UTF-16 units of the LF-only
text. ``docs/protocol.md`` states the rules; golden files in ``tests/contract/wire/`` hold every message.
"""

# mypy: disable-error-code="misc"
# (The bases say frozen, and msgspec passes that on; mypy knows only dataclasses, which do not.)

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from quickedit.wire.base import INLINE_LIMIT as INLINE_LIMIT
from quickedit.wire.base import MAX_FRAME as MAX_FRAME
from quickedit.wire.base import MAX_RANGES as MAX_RANGES
from quickedit.wire.base import PROTOCOL as PROTOCOL
from quickedit.wire.base import Count, Digest, Id
from quickedit.wire.base import Message as Message
from quickedit.wire.operations import AnyOperation as AnyOperation
from quickedit.wire.operations import Create as Create
from quickedit.wire.operations import CreateFolder as CreateFolder
from quickedit.wire.operations import Delete as Delete
from quickedit.wire.operations import Edit as Edit
from quickedit.wire.operations import Operation as Operation
from quickedit.wire.operations import Rename as Rename
from quickedit.wire.operations import SetAttributes as SetAttributes
from quickedit.wire.operations import SetContent as SetContent
from quickedit.wire.port import AsideToEditor as AsideToEditor
from quickedit.wire.port import BaseText as BaseText
from quickedit.wire.port import BootedToHost as BootedToHost
from quickedit.wire.port import Colleague as Colleague
from quickedit.wire.port import CompiledToHost as CompiledToHost
from quickedit.wire.port import ConnectionToEditor as ConnectionToEditor
from quickedit.wire.port import FetchedToEditor as FetchedToEditor
from quickedit.wire.port import FetchToHost as FetchToHost
from quickedit.wire.port import FocusToEditor as FocusToEditor
from quickedit.wire.port import FollowToEditor as FollowToEditor
from quickedit.wire.port import ForgetToHost as ForgetToHost
from quickedit.wire.port import KeyToHost as KeyToHost
from quickedit.wire.port import NoticeToHost as NoticeToHost
from quickedit.wire.port import OpenToEditor as OpenToEditor
from quickedit.wire.port import PeopleToHost as PeopleToHost
from quickedit.wire.port import ReconnectToHost as ReconnectToHost
from quickedit.wire.port import StatusToHost as StatusToHost
from quickedit.wire.port import StoredToEditor as StoredToEditor
from quickedit.wire.port import StoreToHost as StoreToHost
from quickedit.wire.port import ThemeToEditor as ThemeToEditor


def _exactly_one(ops: object, blob: object) -> None:
    if (ops is None) == (blob is None):
        raise ValueError("exactly one of “ops” and “blob” must be given")


# --- to the server --------------------------------------------------------------------------------------------------


class HelloToServer(Message, tag="hello"):
    """Must be first, exactly once. ``revision`` is the client's confirmed revision, or null when it holds nothing
    yet."""

    protocol: Count
    client: Id
    revision: Count | None = None


class OpToServer(Message, tag="op"):
    """One batch, atomic, one in flight per client. ``seq`` grows by one a batch; a resend keeps its seq and may have a
    newer base. Exactly one of ``ops`` and ``blob`` (the digest of an uploaded JSON array of operations) is given."""

    seq: Count
    base: Count
    ops: list[AnyOperation] | None = None
    blob: Digest | None = None

    def __post_init__(self) -> None:
        _exactly_one(self.ops, self.blob)


class LspToServer(Message, tag="lsp"):
    """One JSON-RPC object of the Language Server Protocol, passed through."""

    body: dict[str, Any]


class RunToServer(Message, tag="preview.run"):
    """Run the draft now (Ctrl+S) instead of 150 ms after the last operation. Never an error when nothing is dirty."""


class PingToServer(Message, tag="ping"):
    """``n`` comes back in the pong."""

    n: Count


class Range(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A selection, or a cursor where both ends are the same. ``head`` is where the cursor stands. UTF-16 units."""

    anchor: Count
    head: Count


class PresenceToServer(Message, tag="presence"):
    """Where this editor's cursors are: in ``file``, or nowhere where it is null. Offsets belong to the file's text at
    ``revision``, the sender's confirmed one, without what it has typed since; whoever shows them maps them over what was
    committed after it. Nothing of it is stored. At most MAX_RANGES ranges, and some ten frames a second."""

    file: Id | None = None
    revision: Count = 0
    ranges: Annotated[list[Range], msgspec.Meta(max_length=MAX_RANGES)] = []


# --- to the client --------------------------------------------------------------------------------------------------


class Person(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    id: int
    name: str


class PresenceToClient(Message, tag="presence"):
    """Another editor that is here: who came, and where their cursors are now (see PresenceToServer). ``client`` tells two
    tabs of one person apart. An editor is never told of itself."""

    client: Id
    person: Person
    role: Literal["owner", "editor", "viewer"]
    file: Id | None = None
    revision: Count = 0
    ranges: list[Range] = []


class PresenceLeftToClient(Message, tag="presence.left"):
    """That editor is gone."""

    client: Id


class Committed(Message, tag="committed"):
    """A batch is durable. Canonical: apply exactly this, in order of revision, without gaps. For the author it is the
    acknowledgement. ``at`` is milliseconds since the epoch. Exactly one of ``ops`` and ``blob`` is given."""

    revision: Count
    client: Id
    seq: Count
    by: int
    at: Count
    ops: list[AnyOperation] | None = None
    blob: Digest | None = None

    def __post_init__(self) -> None:
        _exactly_one(self.ops, self.blob)


class WelcomeToClient(Message, tag="welcome"):
    """The answer to hello. Where ``snapshot`` is given (a path on the control plane, to be fetched by the host page
    with its cookie), the client starts from it; else ``catch_up`` follows from the client's revision. ``last_seq`` is
    the last seq of this client that is durable, or 0. ``present`` are the other editors that are here."""

    protocol: int
    worker: str
    you: Person
    role: Literal["owner", "editor", "viewer"]
    revision: Count
    last_seq: Count
    snapshot: str | None = None
    catch_up: list[Committed] = []
    present: list[PresenceToClient] = []


class StaleToClient(Message, tag="stale"):
    """The base is older than the retained log, which begins at ``floor``: start again from a snapshot."""

    seq: Count
    floor: Count


class RefusedToClient(Message, tag="refused"):
    """A frame was not done, and why. ``seq`` is null where it was not a batch of operations."""

    seq: int | None
    code: str
    message: str
    hint: str = ""


class RoleToClient(Message, tag="role"):
    """An owner gave this member another role; it counts from now on. Who is removed gets ``goodbye``."""

    role: Literal["owner", "editor", "viewer"]


class GoodbyeToClient(Message, tag="goodbye"):
    """The last frame: the server closes the socket now, and why. Where ``reconnect`` is true nothing is wrong with the
    client: it comes back after ``after_ms`` milliseconds and catches up from its revision. Else only a person can help.
    """

    code: str
    message: str
    reconnect: bool
    hint: str = ""
    after_ms: Count = 0


class LspToClient(Message, tag="lsp"):
    body: dict[str, Any]


class PreviewAddressToClient(Message, tag="preview.address"):
    """Follows the welcome: where this member's private preview is, and how runs are sandboxed. ``origin`` has no slash
    at its end."""

    origin: str
    tier: str
    python: str


class PreviewReadyToClient(Message, tag="preview.ready"):
    """The draft at ``revision`` now answers at the preview's address; it took ``ms`` milliseconds from the end of the
    wait."""

    revision: int
    ms: float


class PreviewUnparsedToClient(Message, tag="preview.unparsed"):
    """A changed module does not parse. ``stays`` where the preview still answers from the last good draft; where there is
    none, it answers with the page that says what does not parse."""

    revision: int
    path: str
    line: int
    column: int
    message: str
    stays: bool


class PreviewFailedToClient(Message, tag="preview.failed"):
    """The draft could not be run at all: no main module, the runner is away, over a limit."""

    revision: int
    code: str
    message: str
    hint: str = ""


class LogRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``at`` is milliseconds since the epoch, ``level`` one of debug, info, warning, error."""

    level: str
    text: str
    at: int
    path: str = ""
    line: int = 0


class LogToClient(Message, tag="log"):
    """One request to the draft and what it printed. ``request`` is unique within a run of the runner; records may come
    in several frames of the same request; ``status`` is 0 until the response is known. ``method`` is empty for records
    outside any request. ``dropped`` counts records over the limit."""

    request: str
    method: str
    path: str
    status: int
    ms: float
    at: int
    revision: int
    records: list[LogRecord]
    dropped: int = 0


class DeployedToClient(Message, tag="deployed"):
    """A version went live, through whomever. ``revision`` is the workspace revision that it holds."""

    version: int
    revision: int
    url: str
    by: Person
    at: int


class PongToClient(Message, tag="pong"):
    """Carries the head revision: a client behind it without committed frames on the way reconnects."""

    n: Count
    revision: Count


TO_SERVER = (HelloToServer, OpToServer, LspToServer, RunToServer, PingToServer, PresenceToServer)
TO_CLIENT = (
    WelcomeToClient,
    Committed,
    StaleToClient,
    RefusedToClient,
    PresenceToClient,
    PresenceLeftToClient,
    RoleToClient,
    GoodbyeToClient,
    LspToClient,
    PreviewAddressToClient,
    PreviewReadyToClient,
    PreviewUnparsedToClient,
    PreviewFailedToClient,
    LogToClient,
    DeployedToClient,
    PongToClient,
)
TO_HOST = (
    BootedToHost,
    CompiledToHost,
    StatusToHost,
    StoreToHost,
    ForgetToHost,
    PeopleToHost,
    FetchToHost,
    NoticeToHost,
    KeyToHost,
    ReconnectToHost,
)
TO_EDITOR = (
    FetchedToEditor,
    ConnectionToEditor,
    StoredToEditor,
    AsideToEditor,
    FollowToEditor,
    ThemeToEditor,
    OpenToEditor,
    FocusToEditor,
)
