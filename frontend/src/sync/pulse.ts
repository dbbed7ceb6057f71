/**
 * Notices that a connection is dead or has lost something: a ping without a pong, a batch that nobody answers, a head
 * revision that never arrives. Used by `client`, which then asks for a fresh connection.
 */
import type { Clock } from './parts'

/** Milliseconds between pings, and how long an answer may take. */
const EVERY = 15_000
const PATIENCE = 10_000

interface Watched {
  ping: (n: number) => void
  revision: () => number
  isIdle: () => boolean
  /** When the batch in flight was sent, or null. */
  flightSince: () => number | null
  lost: (reason: string) => void
}

export class Pulse {
  private count = 0
  private answered = 0
  private cancel: (() => void) | null = null

  constructor(private readonly clock: Clock, private readonly watched: Watched) {}

  start(): void {
    this.stop()
    this.answered = this.count
    this.schedule(EVERY, () => this.beat())
  }

  stop(): void {
    this.cancel?.()
    this.cancel = null
  }

  pong(n: number, head: number): void {
    this.answered = n
    if (head <= this.watched.revision() || !this.watched.isIdle()) return
    // Committed frames may be a moment behind the pong; after that moment they are lost.
    this.schedule(PATIENCE, () => {
      if (head > this.watched.revision() && this.watched.isIdle()) this.watched.lost(`behind revision ${head}`)
      else this.beat()
    })
  }

  private beat(): void {
    const since = this.watched.flightSince()
    if (since !== null && this.clock.now() - since > EVERY + PATIENCE) return this.watched.lost('no acknowledgement')
    this.watched.ping(++this.count)
    const n = this.count
    this.schedule(PATIENCE, () => {
      if (this.answered < n) this.watched.lost('no pong')
      else this.schedule(EVERY - PATIENCE, () => this.beat())
    })
  }

  private schedule(ms: number, call: () => void): void {
    this.cancel?.()
    this.cancel = this.clock.after(ms, call)
  }
}
