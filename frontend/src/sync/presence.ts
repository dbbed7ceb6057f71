/**
 * Who else is here and where their cursors are. Positions travel as offsets in a file's confirmed text; here they are carried
 * along by every batch that is committed, and shown on top of what this person has pending (rules N1–N3). Owned by `client`;
 * the workbench says where its own cursors are and draws the others'.
 */
import type { AnyOperation, Committed, PresenceToClient, PresenceToServer, Range } from '../wire/messages'
import { MAX_RANGES } from '../wire/messages'
import type { TextChange } from './effects'
import type { Clock } from './parts'
import type { Replica } from './replica'
import { ChangeSet } from './text'

/** Milliseconds between two presence frames. */
const PACE = 80
/** Batches that are remembered for a presence that is older than they are. */
const REMEMBERED = 200

export type Colleague = Omit<PresenceToClient, 't' | 'file' | 'revision' | 'ranges'> & { file: string | null }

interface Place {
  file: string | null
  revision: number
  ranges: Range[]
}

interface Peer {
  who: Colleague
  place: Place
}

type Batch = Pick<Committed, 'revision' | 'client'> & { edits: ReadonlyMap<string, ChangeSet> }

export class Presence {
  /** Told after anything here has changed. */
  onChange: () => void = () => {}
  private readonly peers = new Map<string, Peer>()
  private readonly recent: Batch[] = []
  /** Where this person's cursors are, in the text as shown; null while nothing was said. */
  private here: { file: string | null; ranges: Range[] } | null = null
  /** What the others make of what they were told last. */
  private told: Place | null = null
  private open = false
  private cancel: (() => void) | null = null

  constructor(
    private readonly self: string,
    private readonly replica: Replica,
    private readonly clock: Clock,
    private readonly send: (frame: PresenceToServer) => void,
  ) {}

  /** Everybody else, the longest here first. */
  get colleagues(): Colleague[] {
    return [...this.peers.values()].map((peer) => peer.who)
  }

  /** Their selections in the text as this person sees it; none where the file is not open there. */
  ranges(client: string): Range[] {
    const place = this.peers.get(client)?.place
    if (!place?.file || place.revision > this.replica.revision) return []
    const { file, ranges } = place
    const at = (offset: number): number => this.replica.toVisible(file, offset)
    return ranges.map(({ anchor, head }) => ({ anchor: at(anchor), head: at(head) }))
  }

  // --- what the client tells

  welcomed(present: readonly PresenceToClient[]): void {
    this.peers.clear()
    for (const frame of present) this.put(frame)
    this.open = true
    this.told = null
    this.onChange()
    this.tell()
  }

  closed(): void {
    this.open = false
    this.cancel?.()
    this.cancel = null
    if (this.peers.size === 0) return
    this.peers.clear()
    this.onChange()
  }

  arrived(frame: PresenceToClient): void {
    this.put(frame)
    this.onChange()
  }

  left(client: string): void {
    if (this.peers.delete(client)) this.onChange()
  }

  /** A batch is part of the confirmed state now. */
  committed({ revision, client }: Committed, ops: readonly AnyOperation[]): void {
    const edits = new Map<string, ChangeSet>()
    for (const op of ops) if (op.op === 'edit') edits.set(op.file, ChangeSet.fromJSON(op.changes))
    const batch: Batch = { revision, client, edits }
    this.recent.push(batch)
    if (this.recent.length > REMEMBERED) this.recent.shift()
    for (const [id, peer] of this.peers) peer.place = carried(peer.place, batch, id)
    if (this.told) this.told = carried(this.told, batch, this.self)
    if (this.peers.size > 0) this.onChange()
  }

  /** What others did has changed the texts as shown, and the cursors of this person with them. */
  shown(changes: readonly TextChange[]): void {
    for (const change of changes) {
      if (!this.here || change.file !== this.here.file) continue
      const at = (offset: number): number => change.changes.mapPos(Math.min(offset, change.before.length), -1)
      this.here = { ...this.here, ranges: this.here.ranges.map(({ anchor, head }) => ({ anchor: at(anchor), head: at(head) })) }
    }
    this.tell()
  }

  /** The text was started again from a snapshot: older positions mean nothing in it. */
  forget(): void {
    this.recent.length = 0
    this.told = null
    for (const peer of this.peers.values()) if (peer.place.revision < this.replica.revision) peer.place = { ...peer.place, ranges: [] }
    this.onChange()
  }

  // --- what the workbench tells

  /** This person's cursors, in the text as shown; null where no file of the worker has the focus. */
  moved(file: string | null, ranges: Range[]): void {
    this.here = { file, ranges: ranges.slice(0, MAX_RANGES) }
    this.tell()
  }

  // --- parts

  private put({ file, revision, ranges, client, person, role }: PresenceToClient): void {
    let place: Place = { file: file ?? null, revision: revision ?? 0, ranges: ranges ?? [] }
    for (const batch of this.recent) place = carried(place, batch, client)
    this.peers.set(client, { who: { client, person, role, file: place.file }, place })
  }

  /** Sends where this person is, if the others would not work it out by themselves. */
  private tell(): void {
    if (!this.open || !this.here || this.cancel) return
    const place = this.confirmedPlace(this.here)
    if (this.told && same(this.told, place)) return
    this.told = place
    this.send({ t: 'presence', ...place })
    this.cancel = this.clock.after(PACE, () => {
      this.cancel = null
      this.tell()
    })
  }

  private confirmedPlace({ file, ranges }: { file: string | null; ranges: Range[] }): Place {
    const { revision } = this.replica
    // A file that the server does not know yet is nowhere for the others.
    if (file === null || !this.replica.confirmed.files.has(file)) return { file: null, revision, ranges: [] }
    const at = (offset: number): number => this.replica.toConfirmed(file, offset)
    return { file, revision, ranges: ranges.map(({ anchor, head }) => ({ anchor: at(anchor), head: at(head) })) }
  }
}

/** A place after one more batch: a typist's own cursor stands behind what was typed, anybody else's stays before it. */
function carried(place: Place, { revision, client, edits }: Batch, whose: string): Place {
  if (place.revision >= revision) return place
  const changes = place.file === null ? undefined : edits.get(place.file)
  if (!changes) return { ...place, revision }
  const side = client === whose ? 1 : -1
  const at = (offset: number): number => changes.mapPos(Math.min(offset, changes.length), side)
  return { ...place, revision, ranges: place.ranges.map(({ anchor, head }) => ({ anchor: at(anchor), head: at(head) })) }
}

const same = (a: Place, b: Place): boolean => a.file === b.file && JSON.stringify(a.ranges) === JSON.stringify(b.ranges)
