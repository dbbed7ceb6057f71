/**
 * The sync client: one replica, kept equal to the server's workspace over a connection that comes and goes. The workbench
 * calls it for everything the person does and listens to what others did; frames come in through `receive` and leave
 * through `send`. It must never touch the DOM, nor drop text without saying so.
 */
import { type Committed, type Create, PROTOCOL, type RefusedToClient, type ToClient } from '../wire/messages'
import { Admission } from './admission'
import { Diverged, type Effects, type Snapshot } from './effects'
import { type Current, Inbox } from './inbox'
import { MemoryOutbox, type Outbox, type Pending } from './outbox'
import { type Clock, type Fetch, type Listener, type Outgoing, type Status, randomId, systemClock } from './parts'
import { pathProblem } from './paths'
import { Presence } from './presence'
import { Pulse } from './pulse'
import { Replica } from './replica'
import { type Restored, fill, isLater, leftOpen } from './restore'
import { RETRY, Sender } from './sender'
import type { ChangeSet } from './text'
import { TreeConflict, type TreeOperation } from './tree'

/** Refusals that a later try may not meet. */
const TRANSIENT = new Set(['unavailable', 'internal'])

/** Why the person cannot do that here; the message is a sentence for them. */
export class NotAllowed extends Error {}

export interface ClientOptions {
  send: (frame: Outgoing) => void
  fetch: Fetch
  listener: Listener
  client?: string
  outbox?: Outbox
  clock?: Clock
  /** What an earlier session left; `client` is its id then. */
  restored?: Restored
}

export class SyncClient {
  readonly id: string
  readonly replica = new Replica(randomId)
  /** Settles when the first snapshot is here. */
  readonly ready: Promise<void>
  role: 'owner' | 'editor' | 'viewer' = 'editor'
  /** Told when the role has changed. */
  onRole: () => void = () => {}

  private readonly send: (frame: Outgoing) => void
  private readonly fetch: Fetch
  private readonly listener: Listener
  private readonly outbox: Outbox
  private readonly clock: Clock
  private readonly admission: Admission
  private readonly sender: Sender
  private readonly pulse: Pulse
  private readonly restored: Restored | null
  readonly presence: Presence
  private markReady: () => void = () => {}
  private isReady = false

  private readonly inbox = new Inbox((frame, current) => this.handle(frame, current), (error) => this.failure(error))
  private connected = false
  private welcomed = false
  private needsSnapshot = true
  private shown = ''
  private complained = false

  constructor(options: ClientOptions) {
    this.restored = options.restored ?? null
    this.id = this.restored?.record.client ?? options.client ?? randomId()
    this.send = options.send
    this.fetch = options.fetch
    this.listener = options.listener
    this.outbox = options.outbox ?? new MemoryOutbox()
    this.clock = options.clock ?? systemClock
    this.ready = new Promise((resolve) => (this.markReady = resolve))
    const { replica, clock, send, fetch } = this
    this.admission = new Admission(replica, (notice) => this.listener.onNotice(notice))
    this.sender = new Sender({ replica, admission: this.admission, clock, send, fetch, refused: (frame) => this.refused(frame) })
    this.presence = new Presence(this.id, replica, clock, send)
    this.pulse = new Pulse(clock, {
      ping: (n) => send({ t: 'ping', n }),
      revision: () => replica.revision,
      isIdle: () => this.inbox.isIdle,
      flightSince: () => (this.sender.flight ? this.sender.sentAt : null),
      lost: (reason) => this.reconnect(reason),
    })
    this.outbox.onKept = () => this.tell()
    if (this.restored) this.restore(this.restored)
  }

  private restore(restored: Restored): void {
    fill(this.replica, restored)
    this.sender.restore(restored.record.seq)
    this.needsSnapshot = restored.snapshot === null
    this.isReady = true
    this.markReady()
  }

  // --- the connection

  /** The pipe opened or closed. What is pending stays. */
  connection(open: boolean): void {
    this.inbox.reset()
    this.connected = open
    this.welcomed = false
    this.sender.close()
    this.pulse.stop()
    this.presence.closed()
    if (open) this.send({ t: 'hello', protocol: PROTOCOL, client: this.id, revision: this.needsSnapshot ? null : this.replica.revision })
    this.tell()
  }

  /** A frame from the server; those that are not the sync client's are ignored. */
  receive(frame: ToClient): void {
    this.inbox.put(frame)
  }

  /** Keeps back what others do, while an input method composes: a change inside the composition would garble it. */
  hold(): void {
    this.inbox.hold()
  }

  release(): void {
    this.inbox.release()
  }

  private failure(error: unknown): void {
    if (!(error instanceof Diverged)) throw error
    this.needsSnapshot = true
    this.reconnect(error.message)
  }

  /** A promise where the frame needs the network, and the ones after it must wait. */
  private handle(frame: ToClient, current: Current): Promise<void> | null {
    if (frame.t === 'welcome') return this.welcome(frame, current)
    if (frame.t === 'committed') return this.committed(frame, current)
    if (frame.t === 'pong') this.pulse.pong(frame.n, frame.revision)
    else if (frame.t === 'stale') this.stale(frame.seq, frame.floor)
    else if (frame.t === 'refused') this.refused(frame)
    else if (frame.t === 'presence') this.presence.arrived(frame)
    else if (frame.t === 'presence.left') this.presence.left(frame.client)
    else if (frame.t === 'role') this.changeRole(frame.role)
    return null
  }

  private reconnect(reason: string): void {
    if (!this.connected) return
    this.connection(false)
    this.send({ t: 'reconnect', reason })
  }

  /** Asks for a fresh connection after a while: at once would be a loop while the network is away. */
  private failed(what: string, current: Current): void {
    this.clock.after(RETRY, () => current() && this.reconnect(what))
  }

  private async welcome(frame: Extract<ToClient, { t: 'welcome' }>, current: Current): Promise<void> {
    this.changeRole(frame.role)
    this.sender.worker = frame.worker
    if (frame.snapshot) {
      const { status, text } = await this.fetch(frame.snapshot)
      if (!current()) return
      if (status !== 200) return this.failed(`snapshot: ${status}`, current)
      this.adopt(JSON.parse(text) as Snapshot, frame.last_seq)
    }
    for (const batch of frame.catch_up ?? []) {
      await this.committed(batch, current)
      if (!current()) return
    }
    if (this.sender.flight && this.sender.flight.seq <= frame.last_seq) throw new Diverged('an acknowledged batch is not in the log')
    this.welcomed = true
    this.pulse.start()
    this.sender.open(frame.last_seq)
    this.presence.welcomed(frame.present ?? [])
    this.tell()
  }

  private changeRole(role: SyncClient['role']): void {
    if (role === this.role) return
    this.role = role
    this.onRole()
  }

  private adopt(snapshot: Snapshot, lastSeq: number): void {
    if (this.sender.flight && this.sender.flight.seq <= lastSeq) {
      // The snapshot holds it: count it as confirmed before comparing.
      this.replica.commit(this.replica.revision, this.replica.flight(), true)
      this.sender.landed(true)
    }
    const effects = this.replica.reset(snapshot)
    this.needsSnapshot = false
    this.presence.forget()
    this.sender.rebase()
    this.show(effects)
    if (this.isReady) return
    this.isReady = true
    this.markReady()
  }

  private committed(frame: Committed, current: Current): Promise<void> | null {
    const own = frame.client === this.id && frame.seq === this.sender.flight?.seq
    if (frame.revision <= this.replica.revision) {
      // Only after a snapshot that already holds it: what is in the flight would be there twice.
      if (own) this.landed(this.replica.drop(), true)
      return null
    }
    if (frame.revision !== this.replica.revision + 1) {
      this.reconnect(`revision ${frame.revision} after ${this.replica.revision}`)
      return null
    }
    const ops = frame.ops ?? (own && frame.blob === this.sender.flight!.blob ? this.sender.flight!.ops : null)
    if (ops) {
      this.commit(frame, ops, own)
      return null
    }
    return this.fetch(this.sender.blobPath(frame.blob!)).then(({ status, text }) => {
      if (!current()) return
      if (status === 200) this.commit(frame, JSON.parse(text), own)
      else this.failed(`blob: ${status}`, current)
    })
  }

  private commit(frame: Committed, ops: NonNullable<Committed['ops']>, own: boolean): void {
    const { revision } = frame
    if (!own && this.restored && isLater(this.restored.record, frame)) this.replica.forgetBuffer(leftOpen(this.restored.record, ops))
    const effects = this.replica.commit(revision, ops, own)
    this.presence.committed(frame, ops)
    if (own) return this.landed(effects, true)
    this.show(effects)
    this.tell()
  }

  private stale(seq: number, floor: number): void {
    if (seq !== this.sender.flight?.seq) return
    if (this.replica.revision >= floor && this.sender.flight.base < this.replica.revision) {
      this.sender.rebase()
      return this.sender.resume()
    }
    this.needsSnapshot = true
    this.reconnect('stale')
  }

  private refused(frame: RefusedToClient): void {
    const { flight } = this.sender
    if (frame.seq === null) return this.complain(frame)
    if (frame.seq !== flight?.seq) return
    if (TRANSIENT.has(frame.code)) {
      if (!this.complained) this.complain(frame)
      this.complained = true
      return this.sender.retry()
    }
    const left = this.replica.flight()
    const steps = left.filter((op) => op.op !== 'edit').length
    // A file of it was deleted meanwhile, and its text set aside: the rest goes again.
    if (frame.code === 'file-deleted' && left.length < flight.ops.length) return this.landed(this.replica.requeue(true), false)
    this.complain(frame)
    if (frame.code === 'too-large' && steps === 0) {
      this.admission.block()
      return this.landed(this.replica.requeue(true), false)
    }
    const editsAgain = steps > 0 && steps < left.length
    for (const { path, text } of this.replica.endangered(!editsAgain)) this.listener.onSetAside(path, text)
    this.landed(editsAgain ? this.replica.requeue(false) : this.replica.drop(), false)
  }

  private complain({ message, hint }: RefusedToClient): void {
    this.listener.onNotice({ level: 'error', message, hint: hint ?? '' })
  }

  /** The flight is over. `used` says that the server has its number. */
  private landed(effects: Effects, used: boolean): void {
    this.complained = false
    this.sender.landed(used)
    if (!this.replica.hasBuffer()) this.outbox.clear()
    this.show(effects)
    this.sender.flush()
    this.tell()
  }

  // --- what the person does. Each raises NotAllowed with a sentence for them, and has then changed nothing.

  /** An edit that already stands in the text model; offsets in the text as shown. */
  edit(file: string, changes: ChangeSet): void {
    if (changes.empty) return
    this.admission.edited(file, changes)
    this.replica.edit(file, changes)
    this.changed()
  }

  /** What is done until this task ends goes out as one batch. */
  gather(): void {
    this.sender.gather()
  }

  /** Creates a file, and returns its id. */
  create(path: string, text = '', attributes: Pick<Create, 'eol' | 'bom' | 'digest' | 'size'> = {}): string {
    const file = randomId()
    const { eol = 'lf', bom = false, ...binary } = attributes
    this.change({ op: 'create', file, path, text, eol, bom, ...binary }, path)
    return file
  }

  /** Other bytes for a binary file; uploaded before. */
  setContent(file: string, digest: string, size: number): void {
    this.change({ op: 'content', file, digest, size })
  }

  createFolder(path: string): void {
    this.change({ op: 'create-folder', path }, path)
  }

  delete(path: string): void {
    this.change({ op: 'delete', path })
  }

  rename(path: string, to: string): void {
    this.change({ op: 'rename', path, to }, to, path)
  }

  setAttributes(file: string, eol: 'lf' | 'crlf', bom: boolean): void {
    this.change({ op: 'attributes', file, eol, bom })
  }

  /** Runs the draft now; with edits on their way, as soon as they are durable. */
  run(): void {
    this.sender.run()
    this.tell()
  }

  /** The worker's name, once the server has welcomed this client. */
  get worker(): string {
    return this.sender.worker
  }

  get canWrite(): boolean {
    return this.role !== 'viewer'
  }

  private change(op: TreeOperation, target?: string, self = ''): void {
    if (!this.canWrite) throw new NotAllowed('You can view this worker, but not change it.')
    const problem = target === undefined ? null : pathProblem(target)
    if (problem) throw new NotAllowed(problem)
    if (target !== undefined && this.replica.visible.isTaken(target, self)) {
      throw new NotAllowed(`“${target}” already exists here (names that differ only in case count as the same).`)
    }
    try {
      this.replica.change(op)
    } catch (error) {
      if (error instanceof TreeConflict) throw new NotAllowed(`That cannot be done: ${error.message}.`)
      throw error
    }
    this.changed()
  }

  private changed(): void {
    this.admission.unblock()
    this.sender.touched()
    this.outbox.store(() => this.pending())
    this.tell()
  }

  private pending(): Pending {
    const { replica, sender } = this
    return { client: this.id, revision: replica.revision, seq: sender.seq, ...replica.pending(), held: this.admission.held(), bases: replica.bases() }
  }

  // --- telling

  private show(effects: Effects): void {
    if (!this.isReady) return
    if (effects.tree.length > 0) this.listener.onTree(effects.tree)
    // Before the models change: their cursors' new places are told by the workbench itself.
    this.presence.shown(effects.texts)
    for (const change of effects.texts) this.listener.onText(change)
    for (const { path, as } of effects.kept) {
      const message = `${path} was changed or deleted elsewhere while you were editing it.`
      this.listener.onNotice({ level: 'warning', message, hint: `Your text is kept as ${as}.` })
    }
    if (effects.kept.length > 0) this.changed()
  }

  private tell(): void {
    const pending = this.sender.flight !== null || this.replica.hasBuffer()
    const state: Status['state'] = !this.welcomed ? 'offline' : pending ? 'saving' : 'saved'
    const status: Status = { state, revision: this.replica.revision, waiting: pending ? Math.max(1, this.sender.waiting) : 0, kept: !pending || this.outbox.isKept }
    const key = JSON.stringify(status)
    if (key === this.shown) return
    this.shown = key
    this.listener.onStatus(status)
  }
}
