/**
 * Takes frames one after the other, although some of them need the network before the next may be looked at. Owned by
 * `client`. Frames of an old connection are forgotten with it.
 */
import type { ToClient } from '../wire/messages'

/** Whether the connection that a frame came by is still the one in use. */
export type Current = () => boolean

export class Inbox {
  private epoch = 0
  private frames: ToClient[] = []
  private busy = false
  private holding = false

  /** `handle` returns a promise where the frame takes time; `failed` is told what it raises. */
  constructor(
    private readonly handle: (frame: ToClient, current: Current) => Promise<void> | null,
    private readonly failed: (error: unknown) => void,
  ) {}

  get isIdle(): boolean {
    return !this.busy && !this.holding && this.frames.length === 0
  }

  put(frame: ToClient): void {
    this.frames.push(frame)
    void this.drain()
  }

  /** Keeps back what comes, until released. */
  hold(): void {
    this.holding = true
  }

  release(): void {
    this.holding = false
    void this.drain()
  }

  /** The connection is another one now. */
  reset(): void {
    this.epoch++
    this.frames = []
    this.busy = false
  }

  private async drain(): Promise<void> {
    if (this.busy) return
    while (this.frames.length > 0 && !this.holding) {
      const { epoch } = this
      const current = (): boolean => epoch === this.epoch
      try {
        const work = this.handle(this.frames.shift()!, current)
        if (!work) continue
        this.busy = true
        await work
      } catch (error) {
        if (current()) this.failed(error)
      }
      if (!current()) return
      this.busy = false
    }
  }
}
