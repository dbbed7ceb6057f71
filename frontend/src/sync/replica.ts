/**
 * A member's copy of a workspace: what the server confirmed, and on top of it what this member did that is not confirmed
 * yet (one flight, then a buffer). Confirmed changes only by canonical operations from the server; what the person sees is
 * confirmed plus both, rebased. `client` owns one and feeds it; it knows nothing of connections, and its changes are
 * returned as effects for whoever shows them.
 */
import type { AnyOperation } from '../wire/messages'
import { Diverged, Effects, type Snapshot } from './effects'
import type { Base } from './outbox'
import { freeName } from './paths'
import { type Step, replay } from './steps'
import { ChangeSet, Text, compose, difference, sameChanges, toText } from './text'
import { Tree, TreeConflict, type TreeOperation, treeChanges } from './tree'

/** The text of a file that lost its place, and where it stood. */
interface Orphan {
  path: string
  text: Text
}

interface FileText {
  /** Confirmed, or for a file the server does not know yet: as created. */
  base: Text
  inflight: ChangeSet | null
  buffer: ChangeSet | null
  visible: Text
}

const fresh = (text: Text): FileText => ({ base: text, inflight: null, buffer: null, visible: text })

export class Replica {
  revision = 0
  confirmed = new Tree()
  visible = new Tree()
  private readonly texts = new Map<string, FileText>()
  private flying: Step[] = []
  private waiting: Step[] = []

  constructor(private readonly newId: () => string) {}

  // --- what the person sees

  text(file: string): Text | undefined {
    return this.visible.files.has(file) ? this.texts.get(file)?.visible : undefined
  }

  /** Where an offset of a file's confirmed text is in the text as shown. */
  toVisible(file: string, offset: number): number {
    const text = this.texts.get(file)
    if (!text) return 0
    const within = Math.min(offset, text.base.length)
    const sent = text.inflight ? text.inflight.mapPos(within, -1) : within
    return text.buffer ? text.buffer.mapPos(sent, -1) : sent
  }

  /** Where an offset of the text as shown is in the confirmed one: what is pending counts as nothing. */
  toConfirmed(file: string, offset: number): number {
    const text = this.texts.get(file)
    if (!text) return 0
    const within = Math.min(offset, text.visible.length)
    const sent = text.buffer ? text.buffer.invertedDesc.mapPos(within, -1) : within
    return text.inflight ? text.inflight.invertedDesc.mapPos(sent, -1) : sent
  }

  // --- what the person does

  edit(file: string, changes: ChangeSet): void {
    const text = this.texts.get(file)
    if (!text || !this.visible.files.has(file)) throw new Diverged(`edit of unknown file ${file}`)
    text.visible = changes.apply(text.visible)
    text.buffer = compose(text.buffer, changes)
  }

  /** A tree operation. Raises TreeConflict where the tree as shown does not allow it. */
  change(op: TreeOperation): void {
    const meant = op.op === 'rename' || op.op === 'delete' ? this.visible.fileAt(op.path)?.id : undefined
    const doomed = op.op === 'delete' ? this.visible.within(op.path) : []
    this.visible.apply(op)
    if (op.op === 'create') this.texts.set(op.file, fresh(toText(op.text ?? '')))
    for (const { id } of doomed) {
      const text = this.texts.get(id)
      // Unsent edits of a deleted file have nowhere to go; the operations say only that it was deleted.
      if (!text?.buffer) continue
      text.buffer = null
      text.visible = text.inflight ? text.inflight.apply(text.base) : text.base
    }
    this.waiting.push({ op, file: meant ?? null })
  }

  // --- what travels

  hasBuffer(held: (file: string) => boolean = () => false): boolean {
    if (this.waiting.length > 0) return true
    for (const [file, text] of this.texts) if (text.buffer && !held(file)) return true
    return false
  }

  /** The files with edits in the buffer. */
  buffered(): string[] {
    return [...this.texts].filter(([, text]) => text.buffer).map(([file]) => file)
  }

  /** Moves the buffer, but for the edits of `held` files, into the flight. */
  take(held: (file: string) => boolean): void {
    this.flying = this.waiting
    this.waiting = []
    for (const [file, text] of this.texts) {
      if (!text.buffer || held(file)) continue
      text.inflight = text.buffer
      text.buffer = null
    }
  }

  /** The flight as operations on the confirmed state: the tree first, then the texts. */
  flight(): AnyOperation[] {
    const edits: AnyOperation[] = []
    for (const [file, text] of this.texts) {
      if (text.inflight) edits.push({ op: 'edit', file, changes: text.inflight.toJSON() })
    }
    return [...this.flying.map((step) => step.op), ...edits]
  }

  /** What would be lost with the flight: its new files, and with `edits` its edited ones, as the person sees them. */
  endangered(edits: boolean): { path: string; text: string }[] {
    const created = this.flying.flatMap((step) => (step.op.op === 'create' ? [step.op.file] : []))
    const edited = edits ? [...this.texts].filter(([, text]) => text.inflight).map(([file]) => file) : []
    return [...new Set([...created, ...edited])].flatMap((file) => {
      const [entry, text] = [this.visible.files.get(file), this.texts.get(file)]
      return entry && text ? [{ path: entry.path, text: text.visible.toString() }] : []
    })
  }

  /** Flight and buffer as operations, for the outbox. */
  pending(): { flight: AnyOperation[]; buffer: AnyOperation[] } {
    const buffer: AnyOperation[] = this.waiting.map((step) => step.op)
    for (const [file, text] of this.texts) if (text.buffer) buffer.push({ op: 'edit', file, changes: text.buffer.toJSON() })
    return { flight: this.flight(), buffer }
  }

  /** The confirmed files that edits in flight or buffer are of, for the outbox. */
  bases(): Base[] {
    const found: Base[] = []
    for (const [id, text] of this.texts) {
      const file = text.inflight || text.buffer ? this.confirmed.files.get(id) : undefined
      if (file) found.push({ id, path: file.path, eol: file.eol, bom: file.bom, text: text.base })
    }
    return found
  }

  /** Takes up what an outbox held, on the confirmed state it was made on. Operations that do not fit it are left out. */
  restore(flight: readonly AnyOperation[], buffer: readonly AnyOperation[]): void {
    for (const op of flight) this.restoreOne(op, this.flying, 'inflight')
    for (const op of buffer) this.restoreOne(op, this.waiting, 'buffer')
  }

  /** Forgets the buffer, but for the edits of `open` files: the server has it by another way. */
  forgetBuffer(open: ReadonlySet<string>): void {
    this.waiting = []
    for (const [file, text] of this.texts) {
      if (!text.buffer || open.has(file)) continue
      text.buffer = null
      text.visible = text.inflight ? text.inflight.apply(text.base) : text.base
    }
    this.rebuild(new Effects(), [], [])
  }

  // --- what the server says

  /** Applies one canonical batch. `own` says that it is the answer to the flight. Raises Diverged. */
  commit(revision: number, ops: readonly AnyOperation[], own: boolean): Effects {
    const effects = new Effects()
    const orphans: Orphan[] = []
    for (const op of ops) {
      if (op.op === 'edit') this.commitEdit(op.file, ChangeSet.fromJSON(op.changes), own, effects)
      else this.commitTree(op, own, orphans)
    }
    this.revision = revision
    if (own) this.land(effects)
    if (ops.some((op) => op.op !== 'edit') || own) {
      this.rebuild(effects, ops.filter((op) => op.op === 'rename'), orphans)
    }
    return effects
  }

  /** The flight was not done and will not be: what it held goes, what was typed after it stays. */
  drop(): Effects {
    const effects = new Effects()
    this.land(effects)
    this.rebuild(effects, [], [])
    return effects
  }

  /** Takes the flight back into the buffer, without its tree operations where `withSteps` is false. */
  requeue(withSteps: boolean): Effects {
    const effects = new Effects()
    this.waiting = withSteps ? [...this.flying, ...this.waiting] : this.waiting
    this.flying = []
    for (const text of this.texts.values()) {
      text.buffer = compose(text.inflight, text.buffer)
      text.inflight = null
    }
    this.rebuild(effects, [], [])
    return effects
  }

  /**
   * Starts again from a snapshot. Unconfirmed edits of a file that is as it was stay; those of one that has changed since
   * cannot be mapped without the log, and become a copy of the file as the person saw it. The flight stays one, so that it
   * can be sent again under its number.
   */
  reset(snapshot: Snapshot): Effects {
    const effects = new Effects()
    const orphans: Orphan[] = []
    const next = new Tree()
    for (const path of snapshot.folders) next.apply({ op: 'create-folder', path })
    const texts = new Map<string, FileText>()
    for (const file of snapshot.files) {
      next.apply({ ...file, op: 'create', file: file.id, text: '' })
      texts.set(file.id, this.resetText(file.id, file.path, toText(file.text), effects, orphans))
    }
    this.keepUnknown(texts, next, orphans)
    this.texts.clear()
    for (const [id, text] of texts) this.texts.set(id, text)
    this.confirmed = next
    this.revision = snapshot.revision
    this.rebuild(effects, [], orphans)
    return effects
  }

  // --- parts

  private restoreOne(op: AnyOperation, steps: Step[], place: 'inflight' | 'buffer'): void {
    if (op.op === 'edit') {
      const [text, changes] = [this.texts.get(op.file), ChangeSet.fromJSON(op.changes)]
      if (!text || changes.length !== text.visible.length) return
      text[place] = compose(text[place], changes)
      text.visible = changes.apply(text.visible)
      return
    }
    const meant = op.op === 'rename' || op.op === 'delete' ? this.visible.fileAt(op.path)?.id : undefined
    try {
      this.visible.apply(op)
    } catch (error) {
      if (error instanceof TreeConflict) return
      throw error
    }
    if (op.op === 'create') this.texts.set(op.file, fresh(toText(op.text ?? '')))
    steps.push({ op, file: meant ?? null })
  }

  private commitEdit(file: string, changes: ChangeSet, own: boolean, effects: Effects): void {
    const text = this.texts.get(file)
    if (!text || changes.length !== text.base.length) throw new Diverged(`edit of ${file} does not fit`)
    if (own && text.inflight) {
      if (sameChanges(changes, text.inflight)) text.base = changes.apply(text.base)
      else this.correct(file, text, changes, effects)
      text.inflight = null
      return
    }
    text.base = changes.apply(text.base)
    let remote = changes
    if (text.inflight) {
      const flight = text.inflight.map(remote)
      remote = remote.map(text.inflight, true)
      text.inflight = flight
    }
    this.show(file, text, remote, effects)
  }

  /** The server made something else of our edit than we did: take its word, keep what was typed after. */
  private correct(file: string, text: FileText, changes: ChangeSet, effects: Effects): void {
    const expected = text.inflight!.apply(text.base)
    text.base = changes.apply(text.base)
    const correction = difference(expected, text.base.toString())
    if (correction) this.show(file, text, correction, effects)
  }

  /** Brings a change of what lies below the buffer up to what is seen. */
  private show(file: string, text: FileText, below: ChangeSet, effects: Effects): void {
    let changes = below
    if (text.buffer) {
      const buffer = text.buffer.map(below)
      changes = below.map(text.buffer, true)
      text.buffer = buffer
    }
    if (changes.empty) return
    const before = text.visible
    text.visible = changes.apply(before)
    effects.texts.push({ file, changes, before })
  }

  private commitTree(op: TreeOperation, own: boolean, orphans: Orphan[]): void {
    const doomed = op.op === 'delete' ? this.confirmed.within(op.path) : []
    try {
      this.confirmed.apply(op)
    } catch (error) {
      throw new Diverged(String(error))
    }
    if (op.op === 'create') {
      const text = toText(op.text ?? '')
      const known = this.texts.get(op.file)
      if (!known || !known.base.eq(text)) this.texts.set(op.file, fresh(text))
    }
    for (const { id } of doomed) {
      const text = this.texts.get(id)
      const shown = this.visible.files.get(id)
      if (text && shown && !own && (text.inflight || text.buffer)) orphans.push({ path: shown.path, text: text.visible })
      this.texts.delete(id)
    }
  }

  /** Ends the flight: edits of it that did not come back from the server are taken out of what is seen. */
  private land(effects: Effects): void {
    this.flying = []
    for (const [file, text] of this.texts) {
      if (!text.inflight) continue
      const inverse = text.inflight.invert(text.base)
      text.inflight = null
      this.show(file, text, inverse, effects)
    }
  }

  /** Makes the visible tree anew from the confirmed one and the steps, and finds what changed. */
  private rebuild(effects: Effects, moves: readonly { path: string; to: string }[], orphans: Orphan[]): void {
    const before = this.visible
    const work = this.confirmed.clone()
    this.flying = replay(this.flying, work, moves)
    this.waiting = replay(this.waiting, work, moves)
    for (const orphan of orphans) this.adopt(orphan, work, effects)
    this.visible = work
    effects.tree = treeChanges(before, work)
    for (const file of [...this.texts.keys()]) {
      if (!work.files.has(file) && !this.confirmed.files.has(file)) this.texts.delete(file)
    }
  }

  private adopt(orphan: Orphan, work: Tree, effects: Effects): void {
    const as = freeName(orphan.path, (path) => work.isTaken(path), 'kept')
    const op: TreeOperation = { op: 'create', file: this.newId(), path: as, text: orphan.text.toString(), eol: 'lf', bom: false }
    work.apply(op)
    this.texts.set(op.file, fresh(orphan.text))
    this.waiting.push({ op, file: null })
    effects.kept.push({ path: orphan.path, as })
  }

  private resetText(id: string, path: string, base: Text, effects: Effects, orphans: Orphan[]): FileText {
    const old = this.texts.get(id)
    const shown = this.visible.files.has(id)
    if (!old) return fresh(base)
    const pending = compose(old.inflight, old.buffer)
    if (pending && shown && old.base.eq(base)) return old
    if (pending && shown && !old.visible.eq(base)) orphans.push({ path, text: old.visible })
    const changes = difference(old.visible, base.toString())
    if (changes) effects.texts.push({ file: id, changes, before: old.visible })
    return fresh(base)
  }

  /** Files that the snapshot lacks: our own new ones stay; edited ones that were deleted are kept under another name. */
  private keepUnknown(texts: Map<string, FileText>, next: Tree, orphans: Orphan[]): void {
    const created = new Set([...this.flying, ...this.waiting].map((step) => (step.op.op === 'create' ? step.op.file : '')))
    for (const [id, text] of this.texts) {
      if (next.files.has(id)) continue
      const shown = this.visible.files.get(id)
      if (created.has(id)) texts.set(id, text)
      else if (shown && (text.inflight || text.buffer)) orphans.push({ path: shown.path, text: text.visible })
    }
  }
}
