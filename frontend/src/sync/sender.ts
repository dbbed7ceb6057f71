/**
 * Sends what is pending, one batch at a time, and sends it again under the same number until it is answered. Owned by
 * `client`, which tells it when the connection is ready and what became of the flight.
 */
import { INLINE_LIMIT, type OpToServer, type RefusedToClient } from '../wire/messages'
import type { Admission } from './admission'
import { type Clock, type Fetch, type Outgoing, digest } from './parts'
import type { Replica } from './replica'
import { utf8Length } from './text'

/** Milliseconds between two batches: a fast typist's keys share one, and the first of a burst leaves at once. */
const PACE = 50
/** Milliseconds between keys that still count as one edit in «3 edits kept here». */
const BURST = 1000
/** Milliseconds before an upload or a batch that could not be done just now is tried again. */
export const RETRY = 2000

interface Flight {
  seq: number
  base: number
  ops: NonNullable<OpToServer['ops']>
  /** The digest under which the operations were uploaded, if they were. */
  blob: string | null
  /** The person's changes up to this count are in it or before it. */
  upTo: number
  bursts: number
}

export interface SenderParts {
  replica: Replica
  admission: Admission
  clock: Clock
  send: (frame: Outgoing) => void
  fetch: Fetch
  /** The batch cannot be done as it is. */
  refused: (frame: RefusedToClient) => void
}

export class Sender {
  flight: Flight | null = null
  /** The number of the flight, or of the last one. */
  seq = 0
  /** When the flight was sent last, for the watch over answers. */
  sentAt = -Infinity
  /** The worker's name, as the welcome gives it. */
  worker = ''
  private isOpen = false
  /** Counts connections: what was begun for one must not speak on the next. */
  private epoch = 0
  private changes = 0
  private acknowledged = 0
  private runAt: number | null = null
  private bursts = 0
  private lastChange = -Infinity
  private cancelPace: (() => void) | null = null
  private gathering = false

  constructor(private readonly parts: SenderParts) {}

  /** Edits not acknowledged, keys of one burst counted as one. */
  get waiting(): number {
    return (this.flight?.bursts ?? 0) + this.bursts
  }

  /** Takes up what an earlier session left in the replica, under the number it had. */
  restore(seq: number): void {
    const { replica } = this.parts
    const ops = replica.flight()
    this.seq = seq
    this.changes = 1
    if (ops.length > 0) this.flight = { seq, base: replica.revision, ops, blob: null, upTo: 0, bursts: 1 }
    else this.bursts = 1
  }

  /** The connection is ready; `lastSeq` is the last number of ours that is durable. */
  open(lastSeq: number): void {
    this.isOpen = true
    this.seq = Math.max(this.seq, lastSeq)
    this.resume()
  }

  /** Sends the flight again, or where there is none what waits. */
  resume(): void {
    if (this.flight) void this.transmit()
    else this.flush()
  }

  close(): void {
    this.epoch++
    this.isOpen = false
  }

  /** What is done until this task ends goes out as one batch, as a rename over several files that is one operation. */
  gather(): void {
    if (this.gathering) return
    this.gathering = true
    queueMicrotask(() => {
      this.gathering = false
      this.flush()
    })
  }

  /** The person changed something, which waits in the replica's buffer. */
  touched(): void {
    const now = this.parts.clock.now()
    this.changes++
    if (now - this.lastChange > BURST || this.bursts === 0) this.bursts++
    this.lastChange = now
    this.flush()
  }

  /** Runs the draft now, once everything done so far is durable: a run of less would show the page before the last key. */
  run(): void {
    this.runAt = this.changes
    this.cancelPace?.()
    this.cancelPace = null
    this.flush()
  }

  /** The flight was answered, one way or the other. `used` says that its number was. */
  landed(used: boolean): void {
    if (!this.flight) return
    this.acknowledged = this.flight.upTo
    if (!used) this.seq = this.flight.seq - 1
    this.flight = null
  }

  /** Makes the flight anew, under its number, from what the replica now makes of it. */
  rebase(): void {
    if (!this.flight) return
    const { replica } = this.parts
    const ops = replica.flight()
    if (ops.length === 0) this.landed(false)
    else this.flight = { ...this.flight, base: replica.revision, ops, blob: null }
  }

  /** Sends the flight again, after a while. */
  retry(): void {
    const { epoch, flight } = this
    this.parts.clock.after(RETRY, () => {
      if (epoch === this.epoch && flight && flight === this.flight) void this.transmit()
    })
  }

  /** Sends what waits, if it may go now. */
  flush(): void {
    if (!this.isOpen || this.gathering) return
    this.sendRun()
    if (this.flight || this.cancelPace) return
    const { replica, admission, clock } = this.parts
    const held = admission.check()
    if (!replica.hasBuffer(held)) return
    const wait = this.runAt === null ? this.sentAt + PACE - clock.now() : 0
    if (wait > 0) {
      this.cancelPace = clock.after(wait, () => {
        this.cancelPace = null
        this.flush()
      })
      return
    }
    replica.take(held)
    this.flight = { seq: ++this.seq, base: replica.revision, ops: replica.flight(), blob: null, upTo: this.changes, bursts: this.bursts }
    this.bursts = 0
    void this.transmit()
  }

  /** Sends the flight as it is, by way of a blob where it is large. */
  async transmit(): Promise<void> {
    const flight = this.flight!
    const { seq, base, ops } = flight
    this.sentAt = this.parts.clock.now()
    const body = JSON.stringify(ops)
    if (body.length * 3 <= INLINE_LIMIT || utf8Length(body) <= INLINE_LIMIT) {
      this.parts.send({ t: 'op', seq, base, ops })
      return
    }
    if (!flight.blob && !(await this.upload(flight, body))) return
    this.sentAt = this.parts.clock.now()
    this.parts.send({ t: 'op', seq, base, blob: flight.blob })
  }

  /** Uploads a flight's operations; false where it must not be sent now. */
  private async upload(flight: Flight, body: string): Promise<boolean> {
    const { epoch } = this
    const name = await digest(body)
    const { status, text } = await this.parts.fetch(this.blobPath(name), body)
    if (epoch !== this.epoch || flight !== this.flight) return false
    if (status >= 200 && status < 300) {
      flight.blob = name
      return true
    }
    if (status < 400 || status >= 500) this.retry()
    else this.parts.refused({ t: 'refused', seq: flight.seq, code: 'upload', message: 'This change could not be uploaded.', hint: text.slice(0, 200) })
    return false
  }

  blobPath(name: string): string {
    return `/api/v1/workers/${this.worker}/blobs/${name}`
  }

  private sendRun(): void {
    if (this.runAt === null) return
    const pending = this.flight !== null || this.parts.replica.hasBuffer()
    if (this.acknowledged < this.runAt && pending) return
    this.runAt = null
    this.parts.send({ t: 'preview.run' })
  }
}
