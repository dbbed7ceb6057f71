/**
 * Do not edit: generated from quickedit/wire/messages.py by `python -m quickedit.wire.typescript`.
 *
 * The bridge's messages. A frame is one JSON object with a tag `t`; an operation in it has a tag `op`. A field with a
 * question mark has a default and may be left out. `codec.ts` beside this file checks frames against `SHAPES`.
 */

export const PROTOCOL = 1
export const MAX_FRAME = 1048576
export const INLINE_LIMIT = 262144
export const MAX_RANGES = 32

/**
 * A new file, with an id chosen by the client (unique in the workspace for ever). Missing parent folders come with
 * it. A binary file has no text: `digest` names its content, a blob uploaded before, of `size` bytes.
 */
export interface Create {
  op: 'create'
  file: string
  path: string
  text?: string
  eol?: 'crlf' | 'lf'
  bom?: boolean
  digest?: string | null
  size?: number
}

export interface CreateFolder {
  op: 'create-folder'
  path: string
}

/** Deletes a file, or a folder with all that it holds. */
export interface Delete {
  op: 'delete'
  path: string
}

/** Changes the text of one file. `changes` is the JSON form of a CodeMirror ChangeSet. */
export interface Edit {
  op: 'edit'
  file: string
  changes: unknown[]
}

/** Moves a file or a folder with all that it holds, at once. The target must be free; its parents come with it. */
export interface Rename {
  op: 'rename'
  path: string
  to: string
}

/** Line ends and byte order mark are attributes of a file, not part of its text. */
export interface SetAttributes {
  op: 'attributes'
  file: string
  eol: 'crlf' | 'lf'
  bom: boolean
}

/**
 * Other bytes for a binary file: a blob uploaded before, of `size` bytes. Of two at once the later one stays, and
 * the earlier one is in the history.
 */
export interface SetContent {
  op: 'content'
  file: string
  digest: string
  size: number
}

/** Text of an earlier session that the server refused and that now stands nowhere else: show it. */
export interface AsideToEditor {
  t: 'aside'
  path: string
  text: string
}

/**
 * A file as the server confirmed it, below the edits that wait. `text` is null where it is as it was stored
 * last.
 */
export interface BaseText {
  id: string
  path: string
  eol: 'crlf' | 'lf'
  bom: boolean
  text?: string | null
}

/** The workbench has painted; `ms` since the iframe began to load. */
export interface BootedToHost {
  t: 'booted'
  ms: number
}

/** Another editor that is here. `hue` numbers the colour of its cursor; `path` is null where it has no file. */
export interface Colleague {
  client: string
  id: number
  name: string
  role: 'editor' | 'owner' | 'viewer'
  hue: number
  path?: string | null
  line?: number
}

/** This browser has the editor's scripts compiled and on its disk. */
export interface CompiledToHost {
  t: 'compiled'
}

/** The WebSocket opened (send hello) or closed (keep edits, wait). */
export interface ConnectionToEditor {
  t: 'connection'
  open: boolean
}

/** The answer to a fetch. `status` is the HTTP status, 0 where the network failed. */
export interface FetchedToEditor {
  t: 'fetched'
  id: number
  status: number
  text: string
}

/**
 * Asks the host page, which has the cookie, for a path below /api/v1/workers/<this worker>/. With `put` or
 * `post`, uploads it. With `base64` the bodies, both ways, are bytes in base64.
 */
export interface FetchToHost {
  t: 'fetch'
  id: number
  path: string
  put?: string | null
  post?: string | null
  base64?: boolean
}

export interface FocusToEditor {
  t: 'focus'
}

/** Go where that editor's cursor goes, until something is done here; null ends it. */
export interface FollowToEditor {
  t: 'follow'
  client?: string | null
}

/** All that this client had in the outbox is acknowledged. */
export interface ForgetToHost {
  t: 'forget'
  client: string
}

/** A host-page shortcut pressed while the focus is in the iframe: deploy, next-region, tab-1…4, preview. */
export interface KeyToHost {
  t: 'key'
  name: string
}

/**
 * Something a person must see: a refusal, text set aside. With `over`, what an earlier one with the same message said is
 * so no more.
 */
export interface NoticeToHost {
  t: 'notice'
  level: 'error' | 'info' | 'warning'
  message: string
  hint?: string
  over?: boolean
}

/** Show a file at a line (1-based) and give the editor the focus where `focus` is true. */
export interface OpenToEditor {
  t: 'open'
  path: string
  line: number
  focus?: boolean
}

/** Who else is here and where, for the faces in the bar; `following` is whose cursor this editor goes after. */
export interface PeopleToHost {
  t: 'people'
  people: Colleague[]
  following?: string | null
}

/**
 * The iframe saw a gap in the committed revisions: the host page closes the WebSocket and opens another, so that
 * the welcome's catch-up fills it. The iframe has no other way to begin again, because hello is sent exactly once.
 */
export interface ReconnectToHost {
  t: 'reconnect'
  reason: string
}

/**
 * What the status line shows. `waiting` counts batches' worth of edits not acknowledged; `kept` says that the
 * outbox has all of them on this machine's disk, so that the page may be left.
 */
export interface StatusToHost {
  t: 'status'
  state: 'offline' | 'saved' | 'saving'
  revision: number
  waiting: number
  kept?: boolean
}

/** The outbox has written what `store` number `n` gave it, or (`ok` false) could not. */
export interface StoredToEditor {
  t: 'stored'
  n: number
  ok: boolean
}

/**
 * What is not acknowledged, for the outbox: `flight` is the batch `seq` (or nothing, and `seq` the last
 * number used), `buffer` was made after it, both on top of `revision`. `bases` are the files that they edit,
 * without `text` where the last one stored still holds; `held` are those whose edits the server would refuse. `n`
 * comes back in `stored`.
 */
export interface StoreToHost {
  t: 'store'
  n: number
  client: string
  revision: number
  seq: number
  flight: AnyOperation[]
  buffer: AnyOperation[]
  held: string[]
  bases: BaseText[]
}

export interface ThemeToEditor {
  t: 'theme'
  theme: 'dark' | 'light'
}

/**
 * Must be first, exactly once. `revision` is the client's confirmed revision, or null when it holds nothing
 * yet.
 */
export interface HelloToServer {
  t: 'hello'
  protocol: number
  client: string
  revision?: number | null
}

/**
 * One batch, atomic, one in flight per client. `seq` grows by one a batch; a resend keeps its seq and may have a
 * newer base. Exactly one of `ops` and `blob` (the digest of an uploaded JSON array of operations) is given.
 */
export interface OpToServer {
  t: 'op'
  seq: number
  base: number
  ops?: AnyOperation[] | null
  blob?: string | null
}

/** One JSON-RPC object of the Language Server Protocol, passed through. */
export interface LspToServer {
  t: 'lsp'
  body: Record<string, unknown>
}

/** Run the draft now (Ctrl+S) instead of 150 ms after the last operation. Never an error when nothing is dirty. */
export interface RunToServer {
  t: 'preview.run'
}

/** `n` comes back in the pong. */
export interface PingToServer {
  t: 'ping'
  n: number
}

/** A selection, or a cursor where both ends are the same. `head` is where the cursor stands. UTF-16 units. */
export interface Range {
  anchor: number
  head: number
}

/**
 * Where this editor's cursors are: in `file`, or nowhere where it is null. Offsets belong to the file's text at
 * `revision`, the sender's confirmed one, without what it has typed since; whoever shows them maps them over what was
 * committed after it. Nothing of it is stored. At most MAX_RANGES ranges, and some ten frames a second.
 */
export interface PresenceToServer {
  t: 'presence'
  file?: string | null
  revision?: number
  ranges?: Range[]
}

export interface Person {
  id: number
  name: string
}

/**
 * Another editor that is here: who came, and where their cursors are now (see PresenceToServer). `client` tells two
 * tabs of one person apart. An editor is never told of itself.
 */
export interface PresenceToClient {
  t: 'presence'
  client: string
  person: Person
  role: 'editor' | 'owner' | 'viewer'
  file?: string | null
  revision?: number
  ranges?: Range[]
}

/** That editor is gone. */
export interface PresenceLeftToClient {
  t: 'presence.left'
  client: string
}

/**
 * A batch is durable. Canonical: apply exactly this, in order of revision, without gaps. For the author it is the
 * acknowledgement. `at` is milliseconds since the epoch. Exactly one of `ops` and `blob` is given.
 */
export interface Committed {
  t: 'committed'
  revision: number
  client: string
  seq: number
  by: number
  at: number
  ops?: AnyOperation[] | null
  blob?: string | null
}

/**
 * The answer to hello. Where `snapshot` is given (a path on the control plane, to be fetched by the host page
 * with its cookie), the client starts from it; else `catch_up` follows from the client's revision. `last_seq` is
 * the last seq of this client that is durable, or 0. `present` are the other editors that are here.
 */
export interface WelcomeToClient {
  t: 'welcome'
  protocol: number
  worker: string
  you: Person
  role: 'editor' | 'owner' | 'viewer'
  revision: number
  last_seq: number
  snapshot?: string | null
  catch_up?: Committed[]
  present?: PresenceToClient[]
}

/** The base is older than the retained log, which begins at `floor`: start again from a snapshot. */
export interface StaleToClient {
  t: 'stale'
  seq: number
  floor: number
}

/** A frame was not done, and why. `seq` is null where it was not a batch of operations. */
export interface RefusedToClient {
  t: 'refused'
  seq: number | null
  code: string
  message: string
  hint?: string
}

/** An owner gave this member another role; it counts from now on. Who is removed gets `goodbye`. */
export interface RoleToClient {
  t: 'role'
  role: 'editor' | 'owner' | 'viewer'
}

/**
 * The last frame: the server closes the socket now, and why. Where `reconnect` is true nothing is wrong with the
 * client: it comes back after `after_ms` milliseconds and catches up from its revision. Else only a person can help.
 */
export interface GoodbyeToClient {
  t: 'goodbye'
  code: string
  message: string
  reconnect: boolean
  hint?: string
  after_ms?: number
}

export interface LspToClient {
  t: 'lsp'
  body: Record<string, unknown>
}

/**
 * Follows the welcome: where this member's private preview is, and how runs are sandboxed. `origin` has no slash
 * at its end.
 */
export interface PreviewAddressToClient {
  t: 'preview.address'
  origin: string
  tier: string
  python: string
}

/**
 * The draft at `revision` now answers at the preview's address; it took `ms` milliseconds from the end of the
 * wait.
 */
export interface PreviewReadyToClient {
  t: 'preview.ready'
  revision: number
  ms: number
}

/**
 * A changed module does not parse. `stays` where the preview still answers from the last good draft; where there is
 * none, it answers with the page that says what does not parse.
 */
export interface PreviewUnparsedToClient {
  t: 'preview.unparsed'
  revision: number
  path: string
  line: number
  column: number
  message: string
  stays: boolean
}

/** The draft could not be run at all: no main module, the runner is away, over a limit. */
export interface PreviewFailedToClient {
  t: 'preview.failed'
  revision: number
  code: string
  message: string
  hint?: string
}

/** `at` is milliseconds since the epoch, `level` one of debug, info, warning, error. */
export interface LogRecord {
  level: string
  text: string
  at: number
  path?: string
  line?: number
}

/**
 * One request to the draft and what it printed. `request` is unique within a run of the runner; records may come
 * in several frames of the same request; `status` is 0 until the response is known. `method` is empty for records
 * outside any request. `dropped` counts records over the limit.
 */
export interface LogToClient {
  t: 'log'
  request: string
  method: string
  path: string
  status: number
  ms: number
  at: number
  revision: number
  records: LogRecord[]
  dropped?: number
}

/** A version went live, through whomever. `revision` is the workspace revision that it holds. */
export interface DeployedToClient {
  t: 'deployed'
  version: number
  revision: number
  url: string
  by: Person
  at: number
}

/** Carries the head revision: a client behind it without committed frames on the way reconnects. */
export interface PongToClient {
  t: 'pong'
  n: number
  revision: number
}

export type AnyOperation = Edit | Create | CreateFolder | Delete | Rename | SetAttributes | SetContent

export type ToServer =
  | HelloToServer
  | OpToServer
  | LspToServer
  | RunToServer
  | PingToServer
  | PresenceToServer

export type ToClient =
  | WelcomeToClient
  | Committed
  | StaleToClient
  | RefusedToClient
  | PresenceToClient
  | PresenceLeftToClient
  | RoleToClient
  | GoodbyeToClient
  | LspToClient
  | PreviewAddressToClient
  | PreviewReadyToClient
  | PreviewUnparsedToClient
  | PreviewFailedToClient
  | LogToClient
  | DeployedToClient
  | PongToClient

export type ToHost =
  | BootedToHost
  | CompiledToHost
  | StatusToHost
  | StoreToHost
  | ForgetToHost
  | PeopleToHost
  | FetchToHost
  | NoticeToHost
  | KeyToHost
  | ReconnectToHost

export type ToEditor =
  | FetchedToEditor
  | ConnectionToEditor
  | StoredToEditor
  | AsideToEditor
  | FollowToEditor
  | ThemeToEditor
  | OpenToEditor
  | FocusToEditor

// The kinds of each direction, and the name of each one's shape.

export const TO_SERVER: Readonly<Record<string, string>> = {
  'hello': 'HelloToServer',
  'op': 'OpToServer',
  'lsp': 'LspToServer',
  'preview.run': 'RunToServer',
  'ping': 'PingToServer',
  'presence': 'PresenceToServer',
}

export const TO_CLIENT: Readonly<Record<string, string>> = {
  'welcome': 'WelcomeToClient',
  'committed': 'Committed',
  'stale': 'StaleToClient',
  'refused': 'RefusedToClient',
  'presence': 'PresenceToClient',
  'presence.left': 'PresenceLeftToClient',
  'role': 'RoleToClient',
  'goodbye': 'GoodbyeToClient',
  'lsp': 'LspToClient',
  'preview.address': 'PreviewAddressToClient',
  'preview.ready': 'PreviewReadyToClient',
  'preview.unparsed': 'PreviewUnparsedToClient',
  'preview.failed': 'PreviewFailedToClient',
  'log': 'LogToClient',
  'deployed': 'DeployedToClient',
  'pong': 'PongToClient',
}

export const TO_HOST: Readonly<Record<string, string>> = {
  'booted': 'BootedToHost',
  'compiled': 'CompiledToHost',
  'status': 'StatusToHost',
  'store': 'StoreToHost',
  'forget': 'ForgetToHost',
  'people': 'PeopleToHost',
  'fetch': 'FetchToHost',
  'notice': 'NoticeToHost',
  'key': 'KeyToHost',
  'reconnect': 'ReconnectToHost',
}

export const TO_EDITOR: Readonly<Record<string, string>> = {
  'fetched': 'FetchedToEditor',
  'connection': 'ConnectionToEditor',
  'stored': 'StoredToEditor',
  'aside': 'AsideToEditor',
  'follow': 'FollowToEditor',
  'theme': 'ThemeToEditor',
  'open': 'OpenToEditor',
  'focus': 'FocusToEditor',
}

export const OPERATIONS: Readonly<Record<string, string>> = {
  'edit': 'Edit',
  'create': 'Create',
  'create-folder': 'CreateFolder',
  'delete': 'Delete',
  'rename': 'Rename',
  'attributes': 'SetAttributes',
  'content': 'SetContent',
}

/** For the decoder: each field's shape, and whether it must be there. */
type Fields = Readonly<Record<string, readonly [unknown, boolean]>>
export const SHAPES: Readonly<Record<string, Fields>> = {
  Create: {"file": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "path": ["string", true], "text": ["string", false], "eol": [["one", "crlf", "lf"], false], "bom": ["boolean", false], "digest": [["or", ["text", "^[0-9a-f]{64}(?!\\n)$"], "null"], false], "size": ["count", false]},
  CreateFolder: {"path": ["string", true]},
  Delete: {"path": ["string", true]},
  Edit: {"file": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "changes": [["list", "unknown"], true]},
  Rename: {"path": ["string", true], "to": ["string", true]},
  SetAttributes: {"file": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "eol": [["one", "crlf", "lf"], true], "bom": ["boolean", true]},
  SetContent: {"file": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "digest": [["text", "^[0-9a-f]{64}(?!\\n)$"], true], "size": ["count", true]},
  AsideToEditor: {"path": ["string", true], "text": ["string", true]},
  BaseText: {"id": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "path": ["string", true], "eol": [["one", "crlf", "lf"], true], "bom": ["boolean", true], "text": [["or", "string", "null"], false]},
  BootedToHost: {"ms": ["number", true]},
  Colleague: {"client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "id": ["int", true], "name": ["string", true], "role": [["one", "editor", "owner", "viewer"], true], "hue": ["count", true], "path": [["or", "string", "null"], false], "line": ["count", false]},
  CompiledToHost: {},
  ConnectionToEditor: {"open": ["boolean", true]},
  FetchedToEditor: {"id": ["int", true], "status": ["int", true], "text": ["string", true]},
  FetchToHost: {"id": ["int", true], "path": ["string", true], "put": [["or", "string", "null"], false], "post": [["or", "string", "null"], false], "base64": ["boolean", false]},
  FocusToEditor: {},
  FollowToEditor: {"client": [["or", ["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], "null"], false]},
  ForgetToHost: {"client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true]},
  KeyToHost: {"name": ["string", true]},
  NoticeToHost: {"level": [["one", "error", "info", "warning"], true], "message": ["string", true], "hint": ["string", false], "over": ["boolean", false]},
  OpenToEditor: {"path": ["string", true], "line": ["int", true], "focus": ["boolean", false]},
  PeopleToHost: {"people": [["list", ["struct", "Colleague"]], true], "following": [["or", ["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], "null"], false]},
  ReconnectToHost: {"reason": ["string", true]},
  StatusToHost: {"state": [["one", "offline", "saved", "saving"], true], "revision": ["int", true], "waiting": ["int", true], "kept": ["boolean", false]},
  StoredToEditor: {"n": ["count", true], "ok": ["boolean", true]},
  StoreToHost: {"n": ["count", true], "client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "revision": ["count", true], "seq": ["count", true], "flight": [["list", ["operation"]], true], "buffer": [["list", ["operation"]], true], "held": [["list", ["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"]], true], "bases": [["list", ["struct", "BaseText"]], true]},
  ThemeToEditor: {"theme": [["one", "dark", "light"], true]},
  HelloToServer: {"protocol": ["count", true], "client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "revision": [["or", "count", "null"], false]},
  OpToServer: {"seq": ["count", true], "base": ["count", true], "ops": [["or", ["list", ["operation"]], "null"], false], "blob": [["or", ["text", "^[0-9a-f]{64}(?!\\n)$"], "null"], false]},
  LspToServer: {"body": ["object", true]},
  RunToServer: {},
  PingToServer: {"n": ["count", true]},
  Range: {"anchor": ["count", true], "head": ["count", true]},
  PresenceToServer: {"file": [["or", ["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], "null"], false], "revision": ["count", false], "ranges": [["list", ["struct", "Range"]], false]},
  Person: {"id": ["int", true], "name": ["string", true]},
  PresenceToClient: {"client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "person": [["struct", "Person"], true], "role": [["one", "editor", "owner", "viewer"], true], "file": [["or", ["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], "null"], false], "revision": ["count", false], "ranges": [["list", ["struct", "Range"]], false]},
  PresenceLeftToClient: {"client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true]},
  Committed: {"revision": ["count", true], "client": [["text", "^[0-9A-Za-z_-]{1,64}(?!\\n)$"], true], "seq": ["count", true], "by": ["int", true], "at": ["count", true], "ops": [["or", ["list", ["operation"]], "null"], false], "blob": [["or", ["text", "^[0-9a-f]{64}(?!\\n)$"], "null"], false]},
  WelcomeToClient: {"protocol": ["int", true], "worker": ["string", true], "you": [["struct", "Person"], true], "role": [["one", "editor", "owner", "viewer"], true], "revision": ["count", true], "last_seq": ["count", true], "snapshot": [["or", "string", "null"], false], "catch_up": [["list", ["struct", "Committed", "t", "committed"]], false], "present": [["list", ["struct", "PresenceToClient", "t", "presence"]], false]},
  StaleToClient: {"seq": ["count", true], "floor": ["count", true]},
  RefusedToClient: {"seq": [["or", "int", "null"], true], "code": ["string", true], "message": ["string", true], "hint": ["string", false]},
  RoleToClient: {"role": [["one", "editor", "owner", "viewer"], true]},
  GoodbyeToClient: {"code": ["string", true], "message": ["string", true], "reconnect": ["boolean", true], "hint": ["string", false], "after_ms": ["count", false]},
  LspToClient: {"body": ["object", true]},
  PreviewAddressToClient: {"origin": ["string", true], "tier": ["string", true], "python": ["string", true]},
  PreviewReadyToClient: {"revision": ["int", true], "ms": ["number", true]},
  PreviewUnparsedToClient: {"revision": ["int", true], "path": ["string", true], "line": ["int", true], "column": ["int", true], "message": ["string", true], "stays": ["boolean", true]},
  PreviewFailedToClient: {"revision": ["int", true], "code": ["string", true], "message": ["string", true], "hint": ["string", false]},
  LogRecord: {"level": ["string", true], "text": ["string", true], "at": ["int", true], "path": ["string", false], "line": ["int", false]},
  LogToClient: {"request": ["string", true], "method": ["string", true], "path": ["string", true], "status": ["int", true], "ms": ["number", true], "at": ["int", true], "revision": ["int", true], "records": [["list", ["struct", "LogRecord"]], true], "dropped": ["int", false]},
  DeployedToClient: {"version": ["int", true], "revision": ["int", true], "url": ["string", true], "by": [["struct", "Person"], true], "at": ["int", true]},
  PongToClient: {"n": ["count", true], "revision": ["count", true]},
}
