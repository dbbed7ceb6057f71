/**
 * The MessagePort to the workbench in its iframe. The iframe lives on an origin of its own: it must ask from exactly there, gets
 * one port, and after that frames are JSON strings both ways. If it never asks, a person is told.
 */

import type { Theme } from './theme'

const HANDSHAKE_MS = 10_000

export interface PortEvents {
  /** A frame of the iframe, undecoded. */
  frame(text: string): void
  opened(): void
  /** The iframe did not answer in time. */
  missing(): void
  greeting(): { theme: Theme; open: { path: string; line: number } | null }
}

export class EditorPort {
  private port: MessagePort | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly frame: HTMLIFrameElement,
    private readonly origin: string,
    private readonly events: PortEvents,
  ) {}

  /** Answers the iframe, which the page itself has opened: it asks again and again until somebody hears. */
  start(): void {
    addEventListener('message', (event) => {
      if (isReady(event, this.frame.contentWindow, this.origin)) this.hand()
    })
    this.expect()
  }

  get open(): boolean {
    return this.port !== null
  }

  send(frame: string): void {
    this.port?.postMessage(frame)
  }

  /** Loads the iframe again, and lets it ask for a port once more. */
  retry(): void {
    this.port?.close()
    this.port = null
    const address = new URL(this.frame.src)
    address.searchParams.set('theme', this.events.greeting().theme)
    this.frame.src = address.href
    this.expect()
  }

  private expect(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.events.missing(), HANDSHAKE_MS)
  }

  private hand(): void {
    if (this.port) return // one port a load: a second request is somebody else's script
    clearTimeout(this.timer)
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    port1.onmessage = (event) => {
      if (typeof event.data === 'string') this.events.frame(event.data)
    }
    this.frame.contentWindow?.postMessage({ t: 'port', ...this.events.greeting() }, this.origin, [port2])
    this.events.opened()
  }
}

/** True for the one message that may open a port: `{t: "ready"}`, from that window and exactly that origin. */
export function isReady(event: Pick<MessageEvent, 'source' | 'origin' | 'data'>, window: Window | null, origin: string): boolean {
  if (!window || event.source !== window || event.origin !== origin) return false
  const data: unknown = event.data
  return typeof data === 'object' && data !== null && (data as { t?: unknown }).t === 'ready'
}
