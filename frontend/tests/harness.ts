/**
 * Clients and a model server joined by wires that a test can delay, cut and mend; every frame passes the strict decoder.
 * No real time passes.
 */
import { type ClientOptions, SyncClient } from '../src/sync/client'
import type { Clock, Notice, Outgoing, Status } from '../src/sync/parts'
import type { TextChange } from '../src/sync/effects'
import { type Text } from '../src/sync/text'
import type { TreeChange } from '../src/sync/tree'
import { decodeFromEditor, decodeToClient } from '../src/wire/codec'
import type { ToClient } from '../src/wire/messages'
import type { ModelServer } from './model-server'

/** A clock that goes only when it is told to. */
export class TestClock implements Clock {
  private time = 0
  private timers: { at: number; call: () => void }[] = []

  now(): number {
    return this.time
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call }
    this.timers.push(timer)
    return () => void (this.timers = this.timers.filter((other) => other !== timer))
  }

  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.time = Math.max(this.time, next.at)
      next.call()
    }
    this.time = end
  }
}

/** One person's client, with what they would see: models that follow the listener alone, as the workbench's do. */
export class Person {
  readonly client: SyncClient
  readonly shown = new Map<string, Text>()
  readonly notices: Notice[] = []
  readonly aside: { path: string; text: string }[] = []
  readonly statuses: Status[] = []
  readonly treeChanges: TreeChange[] = []
  readonly sent: Outgoing[] = []
  /** Frames on their way, in order. */
  readonly up: Outgoing[] = []
  readonly down: ToClient[] = []
  online = false
  wantsReconnect = false
  failUploads = false
  private session: { client: string; receive: (frame: ToClient) => void } | null = null

  constructor(readonly server: ModelServer, readonly clock: TestClock, id: string, parts: Pick<ClientOptions, 'outbox' | 'restored'> = {}) {
    this.client = new SyncClient({
      client: id,
      clock,
      ...parts,
      send: (frame) => {
        this.sent.push(decodeFromEditor(JSON.stringify(frame)) as Outgoing)
        if (frame.t === 'reconnect') this.wantsReconnect = true
        else if (this.online) this.up.push(frame)
      },
      fetch: async (path, put) => {
        const name = path.split('/').pop()!
        if (put !== undefined) {
          if (this.failUploads) return { status: 0, text: '' }
          this.server.blobs.set(name, put)
          return { status: 200, text: '' }
        }
        const text = name === 'snapshot' ? JSON.stringify(this.server.snapshot()) : this.server.blobs.get(name)
        return text === undefined ? { status: 404, text: '' } : { status: 200, text }
      },
      listener: {
        onTree: (changes) => {
          this.treeChanges.push(...changes)
          this.closeGone()
        },
        onText: (change) => this.follow(change),
        onStatus: (status) => void this.statuses.push(status),
        onNotice: (notice) => void this.notices.push(notice),
        onSetAside: (path, text) => void this.aside.push({ path, text }),
      },
    })
  }

  get status(): Status {
    return this.statuses[this.statuses.length - 1]!
  }

  private follow({ file, changes, before }: TextChange): void {
    const shown = this.shown.get(file)
    if (!shown) return
    if (!shown.eq(before)) throw new Error(`${this.client.id} was told of a change to a text that it does not show`)
    this.shown.set(file, changes.apply(shown))
  }

  /** Opens a file, as an editor tab would. */
  open(file: string): void {
    this.shown.set(file, this.client.replica.text(file)!)
  }

  /** A file that is gone is no longer shown, as its tab would close. */
  closeGone(): void {
    for (const file of this.shown.keys()) if (!this.client.replica.text(file)) this.shown.delete(file)
  }

  connect(): void {
    this.cut()
    this.online = true
    this.wantsReconnect = false
    this.session = { client: this.client.id, receive: (frame) => void this.down.push(frame) }
    this.client.connection(true)
  }

  cut(): void {
    if (this.session) this.server.leave(this.session)
    this.session = null
    this.up.length = 0
    this.down.length = 0
    if (this.online) {
      this.online = false
      this.client.connection(false)
    }
  }

  /** Carries the oldest frame up; false where there is none. */
  carryUp(): boolean {
    const frame = this.up.shift()
    if (!frame) return false
    if (frame.t === 'hello') {
      this.down.push(this.server.welcome(frame))
      this.server.sessions.add(this.session!)
      this.server.present(this.client.id, { t: 'presence' })
    } else if (frame.t === 'op') {
      const answer = this.server.submit(this.client.id, frame)
      if (answer) this.down.push(answer)
    } else if (frame.t === 'presence') this.server.present(this.client.id, frame)
    else if (frame.t === 'ping') this.down.push({ t: 'pong', n: frame.n, revision: this.server.revision })
    return true
  }

  carryDown(): boolean {
    const frame = this.down.shift()
    if (frame) this.client.receive(decodeToClient(JSON.stringify(frame)))
    return frame !== undefined
  }
}

/** Lets promises that wait for nothing but each other settle. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve()
}

/** Carries everything until nobody has anything to say, mending connections on the way. */
export async function quiet(people: Person[], clock: TestClock): Promise<void> {
  for (let round = 0; round < 2000; round++) {
    let moved = false
    for (const person of people) {
      if (!person.online || person.wantsReconnect) {
        person.connect()
        moved = true
      }
      while (person.carryUp()) moved = true
      while (person.carryDown()) moved = true
    }
    await settle()
    clock.advance(60)
    if (!moved && people.every((person) => person.up.length + person.down.length === 0 && person.status.state === 'saved')) return
  }
  const stuck = people.map((person) => JSON.stringify([person.client.id, person.status, person.client.replica.pending(), person.sent.slice(-3), person.notices.slice(-2)]))
  throw new Error(`never quiet: ${stuck.join('\n')}`)
}
