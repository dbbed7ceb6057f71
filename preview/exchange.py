"""What web and the runner say to each other over the control socket; ``preview.peer`` is the connection that carries it.

Both ends ask and answer: web asks the runner to run a program, the runner asks web whose host a name is. A frame is
that of ``preview.protocol`` (length, kind, id), its payload one tagged message in MessagePack, decoded strictly: an
unknown tag, field or type is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Label = Annotated[str, msgspec.Meta(max_length=253)]
Key = Annotated[str, msgspec.Meta(max_length=128)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Refused(Exception):
    """The other side understood and said no: asking again unchanged cannot help. ``code`` is for programs, the rest
    for people."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class PeerAway(Exception):
    """The other side is not there, went away before it answered, or did not answer in time. Asking again may help."""


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to run: ``draft:<worker id>`` at a revision, ``live:<worker id>`` at a version, or, to see whether it
    starts, ``check:<worker id>:<any word>``. ``digest`` names
    its bundle, ``packages`` the versions of what was installed for it when it was deployed, which hold from then on."""

    key: Key
    worker: Label
    digest: Digest
    revision: Count
    version: Count | None
    variables: dict[str, str]
    packages: dict[str, str] = {}


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One name of the data plane. ``host`` is its first label: ``p-…`` for a preview, the worker's name for what is
    deployed.

    ``private`` allows locals, variables and request headers on error pages. ``editor_origin`` is the one origin that
    may frame the preview and that hears which frame of an error page was clicked; "" for deployed workers.
    """

    host: Label
    program: Key
    private: bool
    editor_origin: str


class LogRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As LogRecord of ``quickedit.wire``: ``at`` in milliseconds since the epoch."""

    level: str
    text: str
    at: int
    path: str = ""
    line: int = 0


class LogEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request and what it printed, as LogToClient of ``quickedit.wire``, and whose it was."""

    program: str
    host: str
    request: str
    method: str
    path: str
    status: int
    ms: float
    at: int
    revision: int
    records: list[LogRecord]
    dropped: int = 0


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t"):
    """The base of everything that travels."""


# --- web asks the runner ----------------------------------------------------------------------------------------------


class AskHealth(Message, frozen=True, tag="health"):
    pass


class AskRun(Message, frozen=True, tag="run"):
    """``modules`` is the packed bundle, or null where web believes that the runner has it: the answer may be
    NeedModules."""

    program: Program
    modules: bytes | None


class AskPutHost(Message, frozen=True, tag="put-host"):
    host: Host


class AskDropHost(Message, frozen=True, tag="drop-host"):
    host: Label


class AskDropProgram(Message, frozen=True, tag="drop-program"):
    key: Key


class AskRequest(Message, frozen=True, tag="request"):
    """A request as if it came from outside to ``host``; ``path`` is a path with its query."""

    host: Label
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class AskData(Message, frozen=True, tag="data"):
    """A look into a worker's data, or a change of it by a person. ``worker`` is its id, ``preview`` says in which layer;
    ``resource`` is what the binding of that ``kind`` is bound to, ``args`` JSON. The ``method`` reset throws the preview's
    layer away. Of D1, ``migrations`` says which of ``names`` are not applied, and ``migrate`` applies the packed files of
    ``body`` in the order of ``names``, both by the table ``migrations_table``."""

    worker: Key
    preview: bool
    kind: Literal["kv", "d1", "r2", "queue", ""]
    resource: str
    method: str
    args: bytes = b"{}"
    body: bytes = b""


class AskTrigger(Message, frozen=True, tag="trigger"):
    """Runs a program's ``scheduled`` or ``queue`` handler now. ``at`` is in milliseconds since the epoch; ``messages`` are
    (content type, body)."""

    key: Key
    event: Literal["scheduled", "queue"]
    at: Count
    cron: str = ""
    queue: str = ""
    messages: list[tuple[str, bytes]] = []


# --- the runner asks and tells web ------------------------------------------------------------------------------------


class AskResolve(Message, frozen=True, tag="resolve"):
    host: Label


class AskModules(Message, frozen=True, tag="modules"):
    program: Program


class AskMayCall(Message, frozen=True, tag="may-call"):
    """Whether a worker may call methods of another one; both by their ids."""

    caller: Key
    called: Key


class TellLogs(Message, frozen=True, tag="logs"):
    """``lost`` counts events that were thrown away because there were too many."""

    events: list[LogEvent]
    lost: int = 0


# --- answers ----------------------------------------------------------------------------------------------------------


class Done(Message, frozen=True, tag="done"):
    pass


class Health(Message, frozen=True, tag="healthy"):
    """``tier`` of the sandbox (A, B, off), the ``python`` that runs workers, the ``kernel`` below."""

    tier: str
    python: str
    kernel: str


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exception in one line: ``text`` is its type and message; ``path`` is "" and ``line`` 0 where it has no place in
    the program's own modules."""

    text: str
    path: str
    line: int


class Ready(Message, frozen=True, tag="ready"):
    """The program answers now. ``ms`` from the arrival of the modules to that moment. ``fault`` is what its import
    raised: then every answer is the page that says so. ``environment`` names the packages that were installed for it, "" for
    none: a folder of those in the data directory; ``packages`` are their versions."""

    ms: float
    fault: Fault | None = None
    environment: str = ""
    packages: dict[str, str] = {}


class Unparsed(Message, frozen=True, tag="unparsed"):
    """A changed module does not parse. ``line`` and ``column`` are 1-based. ``stays`` where the last good program still
    answers; where there is none, every answer is the page that says what does not parse."""

    path: str
    line: int
    column: int
    message: str
    stays: bool


class NeedModules(Message, frozen=True, tag="need-modules"):
    pass


class HttpAnswer(Message, frozen=True, tag="http"):
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    ms: float


class DataAnswer(Message, frozen=True, tag="data-answer"):
    """``value`` is JSON."""

    value: bytes


class Triggered(Message, frozen=True, tag="triggered"):
    """How the handler went: ``error`` is "" where it returned; ``outcomes`` has ack or retry for each message."""

    ms: float
    error: str
    outcomes: list[str]


class Resolved(Message, frozen=True, tag="resolved"):
    """Both null where nobody has that name."""

    host: Host | None
    program: Program | None


class MayCall(Message, frozen=True, tag="may-call-answer"):
    allowed: bool


class Modules(Message, frozen=True, tag="bundle"):
    modules: bytes


class Refusal(Message, frozen=True, tag="refused"):
    code: str
    message: str
    hint: str = ""


AnyMessage = (
    AskHealth | AskRun | AskPutHost | AskDropHost | AskDropProgram | AskRequest | AskData | AskTrigger
    | AskResolve | AskModules | AskMayCall | TellLogs
    | Done | Health | Ready | Unparsed | NeedModules | HttpAnswer | DataAnswer | Triggered | Resolved | MayCall | Modules
    | Refusal
)  # fmt: skip
