/**
 * The WebSocket of the page, as a line that comes back: ordered text frames, reconnect with back-off, at once when the network is
 * back. It knows nothing of workspaces. A line that is dead without saying so is noticed by the sync client, which asks to renew.
 */

import { Backoff } from './backoff'

export type LineState = 'connecting' | 'open' | 'waiting' | 'ended'

export interface LineEvents {
  /** Every change of state. `why` is given where the line ended for good, and says what to do. */
  state(state: LineState, why?: string): void
  frame(text: string): void
}

/** Close codes after which asking again cannot help (quickedit/errors.py), in words for a person. */
const FINAL: Record<number, string> = {
  4400: 'The server did not understand this page. Reload it; edits that wait are kept until you leave.',
  4401: 'You are signed out. Sign in again in another tab, then reload this page.',
  4403: 'You may no longer edit this worker.',
  4404: 'This worker is gone: it was deleted or renamed.',
}

const OPEN_MS = 10_000
const STABLE_MS = 5_000

export class Line {
  state: LineState = 'waiting'
  private socket: WebSocket | null = null
  /** What the server said last, before it closes: why for good, or how many milliseconds to stay away. */
  private farewell: { why: string; after: number } | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly url: string,
    private readonly events: LineEvents,
    private readonly backoff = new Backoff(),
  ) {}

  start(): void {
    addEventListener('online', () => this.hurry())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.hurry()
    })
    this.connect()
  }

  /** Sends a frame; false where the line is not open and the frame was dropped. */
  send(frame: string): boolean {
    if (this.state !== 'open' || !this.socket) return false
    this.socket.send(frame)
    return true
  }

  /** Gives up this connection and makes another after the shortest wait: it is silent, or frames were missed. */
  renew(): void {
    this.lost(this.socket, 0)
  }

  /** The server is about to close: for good where `why` is given, else the line comes back after so many milliseconds. */
  expectEnd(why: string, after: number): void {
    this.farewell = { why, after }
  }

  /** Ends the line from here, for good and without a word. */
  close(): void {
    clearTimeout(this.timer)
    const socket = this.socket
    this.socket = null
    this.state = 'ended'
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  private hurry(): void {
    if (this.state === 'waiting') this.connect()
  }

  private connect(): void {
    clearTimeout(this.timer)
    const socket = new WebSocket(this.url)
    this.socket = socket
    this.change('connecting')
    this.timer = setTimeout(() => this.lost(socket, 0), OPEN_MS)
    socket.onopen = () => {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.backoff.reset(), STABLE_MS)
      this.change('open')
    }
    socket.onmessage = (event) => {
      if (typeof event.data === 'string') this.events.frame(event.data)
    }
    socket.onclose = (event) => this.lost(socket, event.code)
  }

  private lost(socket: WebSocket | null, code: number): void {
    if (!socket || socket !== this.socket) return
    clearTimeout(this.timer)
    this.socket = null
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
    const { farewell } = this
    this.farewell = null
    const why = farewell?.why || FINAL[code]
    if (why) return this.change('ended', why)
    this.change('waiting')
    this.timer = setTimeout(() => this.connect(), farewell ? farewell.after : this.backoff.next())
  }

  private change(state: LineState, why?: string): void {
    this.state = state
    this.events.state(state, why)
  }
}
