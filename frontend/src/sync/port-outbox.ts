/**
 * The outbox as the iframe sees it: what waits goes over the port to the host page, which writes it to its IndexedDB (the
 * iframe's own storage is partitioned or refused). Made by `boot`. While edits are acknowledged within DELAY, as they are on
 * a good line, nothing is written at all.
 */
import type { ForgetToHost, StoreToHost } from '../wire/messages'
import type { Outbox, Pending } from './outbox'
import type { Clock } from './parts'
import type { Text } from './text'

/** Milliseconds between an edit and the record that holds it, and at least between two records. */
const DELAY = 80

export class PortOutbox implements Outbox {
  onKept = (): void => {}
  private make: (() => Pending) | null = null
  private cancel: (() => void) | null = null
  /** Edits so far, those in the record under way, and those that are on disk. */
  private changes = 0
  private sent = 0
  private kept = 0
  private count = 0
  /** The number of the record that is being written, or 0: one at a time. */
  private writing = 0
  /** Whose record may exist, and the texts that it holds already. */
  private client = ''
  private texts = new Map<string, Text>()

  constructor(private readonly clock: Clock, private readonly send: (frame: StoreToHost | ForgetToHost) => void) {}

  get isKept(): boolean {
    return this.kept >= this.changes
  }

  store(pending: () => Pending): void {
    this.changes++
    this.make = pending
    this.schedule()
  }

  clear(): void {
    this.cancel?.()
    this.cancel = null
    this.make = null
    this.kept = this.changes
    if (this.client) this.send({ t: 'forget', client: this.client })
    this.client = ''
    this.texts.clear()
  }

  /** The host page has written record `n`, or could not: then it is tried again with the next edit. */
  stored(n: number, ok: boolean): void {
    if (n !== this.writing) return
    this.writing = 0
    if (!ok) this.texts.clear()
    else if (this.sent > this.kept) {
      this.kept = this.sent
      this.onKept()
    }
    if (this.make && this.sent < this.changes) this.schedule()
  }

  private schedule(): void {
    if (this.cancel || this.writing) return
    this.cancel = this.clock.after(DELAY, () => {
      this.cancel = null
      this.write()
    })
  }

  private write(): void {
    if (!this.make) return
    const { bases, ...rest } = this.make()
    this.client = rest.client
    this.sent = this.changes
    this.writing = ++this.count
    const known = this.texts
    this.texts = new Map(bases.map((base) => [base.id, base.text]))
    const files = bases.map(({ text, ...base }) => ({ ...base, text: known.get(base.id) === text ? null : text.toString() }))
    this.send({ t: 'store', n: this.count, ...rest, bases: files })
  }
}
