/**
 * A small model of the server for tests: the contract's rules for batches, in memory, with every revision's tree kept. It
 * is not the server; the two are held together by the golden wire files and by the end-to-end tests.
 */
import { replay, type Step } from '../src/sync/steps'
import { ChangeSet, Text, toText } from '../src/sync/text'
import { Tree } from '../src/sync/tree'
import type { Snapshot } from '../src/sync/effects'
import type { AnyOperation, Committed, HelloToServer, OpToServer, PresenceToClient, PresenceToServer, ToClient } from '../src/wire/messages'

interface Session {
  client: string
  receive: (frame: ToClient) => void
}

export class ModelServer {
  revision = 0
  floor = 0
  readonly log: Committed[] = []
  readonly blobs = new Map<string, string>()
  tree = new Tree()
  readonly texts = new Map<string, Text>()
  private readonly trees: Tree[] = []
  private readonly snapshots: Snapshot[] = []
  private readonly lastSeq = new Map<string, number>()
  /** Answers instead of the rules' own, once; for refusals that the model has no reason for. */
  nextAnswer: ((frame: OpToServer) => ToClient) | null = null
  readonly sessions = new Set<Session>()
  private readonly places = new Map<string, PresenceToClient>()

  constructor(files: Record<string, string> = { 'main.py': 'def main():\n    return 1\n' }) {
    let n = 0
    for (const [path, text] of Object.entries(files)) {
      const file = `f${++n}`
      this.tree.apply({ op: 'create', file, path })
      this.texts.set(file, toText(text))
    }
    this.trees[0] = this.tree.clone()
    this.snapshots[0] = ModelServer.prototype.snapshot.call(this)
  }

  /** The workspace as it was, or null where the log no longer reaches back to it. */
  snapshotAt(revision: number): Snapshot | null {
    return revision < this.floor ? null : (this.snapshots[revision] ?? null)
  }

  snapshot(): Snapshot {
    const files = [...this.tree.files.values()].map((file) => ({ ...file, text: this.texts.get(file.id)!.toString() }))
    return { revision: this.revision, files, folders: [...this.tree.folders] }
  }

  welcome(hello: HelloToServer): ToClient {
    const known = hello.revision !== null && hello.revision !== undefined && hello.revision >= this.floor
    return {
      t: 'welcome', protocol: 1, worker: 'hello', you: { id: 1, name: 'Ada' }, role: 'owner', revision: this.revision,
      last_seq: this.lastSeqOf(hello.client),
      present: [...this.places.values()].filter((place) => place.client !== hello.client),
      ...(known ? { catch_up: this.log.slice(hello.revision!) } : { snapshot: '/api/v1/workers/hello/snapshot' }),
    }
  }

  /** An editor came, or says where its cursors are. */
  present(client: string, frame: PresenceToServer): void {
    this.places.set(client, { ...frame, client, person: { id: 1, name: client }, role: 'editor' })
    for (const session of this.sessions) if (session.client !== client) session.receive(this.places.get(client)!)
  }

  leave(session: Session): void {
    this.sessions.delete(session)
    this.places.delete(session.client)
    for (const other of this.sessions) other.receive({ t: 'presence.left', client: session.client })
  }

  /** The author's answer where the batch is refused or a repetition; null where it was committed to everybody. */
  submit(client: string, frame: OpToServer): ToClient | null {
    const known = this.log.find((batch) => batch.client === client && batch.seq === frame.seq)
    if (known) return known
    if (this.nextAnswer) {
      const answer = this.nextAnswer(frame)
      this.nextAnswer = null
      return answer
    }
    if (frame.base < this.floor) return { t: 'stale', seq: frame.seq, floor: this.floor }
    if (frame.seq !== this.lastSeqOf(client) + 1) return this.refuse(frame, 'bad-input', `seq ${frame.seq}`)
    const ops = frame.ops ?? (JSON.parse(this.blobs.get(frame.blob!)!) as AnyOperation[])
    const canonical = this.canonical(frame, ops)
    if (!Array.isArray(canonical)) return canonical
    this.publish({ t: 'committed', revision: this.revision + 1, client, seq: frame.seq, by: 1, at: 0, ops: canonical })
    return null
  }

  lastSeqOf(client: string): number {
    return this.lastSeq.get(client) ?? 0
  }

  /** Commits a canonical batch, and tells everybody. */
  protected publish(batch: Committed): void {
    this.lastSeq.set(batch.client, batch.seq)
    this.revision = batch.revision
    this.trees[this.revision] = this.tree.clone()
    this.snapshots[this.revision] = this.snapshot()
    this.log.push(batch)
    for (const session of this.sessions) session.receive(batch)
  }

  private refuse(frame: OpToServer, code: string, message: string): ToClient {
    return { t: 'refused', seq: frame.seq, code, message }
  }

  private canonical(frame: OpToServer, ops: AnyOperation[]): AnyOperation[] | ToClient {
    const since = this.log.slice(frame.base).flatMap((batch) => batch.ops!)
    const atBase = this.trees[frame.base]!.clone()
    const steps: Step[] = []
    const created = new Set<string>()
    for (const op of ops) {
      if (op.op === 'edit') continue
      const meant = op.op === 'rename' || op.op === 'delete' ? atBase.fileAt(op.path)?.id : undefined
      try {
        atBase.apply(op)
      } catch (error) {
        return this.refuse(frame, 'conflict', String(error))
      }
      if (op.op === 'create') created.add(op.file)
      steps.push({ op, file: meant ?? null })
    }
    const work = this.tree.clone()
    const done: AnyOperation[] = replay(steps, work, since.filter((op) => op.op === 'rename')).map((step) => step.op)
    const texts = new Map(this.texts)
    for (const op of done) if (op.op === 'create') texts.set(op.file, toText(op.text ?? ''))
    for (const op of ops) {
      if (op.op !== 'edit') continue
      if (!work.files.has(op.file)) return this.refuse(frame, 'file-deleted', `${op.file} was deleted`)
      let changes = ChangeSet.fromJSON(op.changes)
      for (const other of since) {
        if (other.op === 'edit' && other.file === op.file && !created.has(op.file)) changes = changes.map(ChangeSet.fromJSON(other.changes))
      }
      texts.set(op.file, changes.apply(texts.get(op.file)!))
      done.push({ op: 'edit', file: op.file, changes: changes.toJSON() })
    }
    this.tree = work
    this.texts.clear()
    for (const [id, text] of texts) if (work.files.has(id)) this.texts.set(id, text)
    return done
  }
}
