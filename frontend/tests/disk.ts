/** The host page's part of the outbox, for tests: records on a disk that is a little slower than its sender. */
import { PortOutbox } from '../src/sync/port-outbox'
import type { Restored, Stored } from '../src/sync/restore'
import { decodeToHost } from '../src/wire/codec'
import type { StoreToHost } from '../src/wire/messages'
import { Person, type TestClock } from './harness'
import type { ModelServer } from './model-server'

export class Disk {
  /** What a killed tab leaves; JSON, because nothing else survives. */
  record: string | null = null
  readonly outbox: PortOutbox
  readonly frames: StoreToHost[] = []
  private readonly waiting: (() => void)[] = []
  private texts = new Map<string, string>()

  constructor(clock: TestClock) {
    this.outbox = new PortOutbox(clock, (sent) => {
      const frame = decodeToHost(JSON.stringify(sent))
      if (frame.t === 'forget') this.waiting.push(() => (this.record = null))
      else if (frame.t === 'store') this.waiting.push(() => this.put(frame))
    })
  }

  /** Writes the oldest thing that waits; false where there is none. */
  write(): boolean {
    const next = this.waiting.shift()
    next?.()
    return next !== undefined
  }

  writeAll(): void {
    while (this.write());
  }

  stored(): Stored | null {
    return this.record === null ? null : (JSON.parse(this.record) as Stored)
  }

  private put(frame: StoreToHost): void {
    this.frames.push(frame)
    const { t: _t, n, ...rest } = frame
    const bases = rest.bases.map((base) => ({ ...base, text: base.text ?? this.texts.get(base.id)! }))
    this.texts = new Map(bases.map((base) => [base.id, base.text]))
    this.record = JSON.stringify({ ...rest, bases })
    this.outbox.stored(n, true)
  }
}

/** Somebody whose tab has an outbox. */
export function withDisk(server: ModelServer, clock: TestClock, id: string): { person: Person; disk: Disk } {
  const disk = new Disk(clock)
  return { person: new Person(server, clock, id, { outbox: disk.outbox }), disk }
}

/** The client that the host page makes of what a killed tab left; null where nothing was. */
export function recover(server: ModelServer, clock: TestClock, disk: Disk): Person | null {
  const record = disk.stored()
  if (!record) return null
  const restored: Restored = { record, snapshot: server.snapshotAt(record.revision) }
  return new Person(server, clock, record.client, { restored })
}
