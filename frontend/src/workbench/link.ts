/**
 * The iframe's end of the port to the host page: JSON strings both ways, and fetches that the host page does with its
 * cookie. `boot` makes one; everything else in the iframe speaks through it.
 */
import type { Fetched } from '../sync/parts'
import { BadFrame, decodeToClient } from '../wire/codec'
import { toBase64 } from '../wire/base64'
import { type FetchToHost, type ToClient, TO_CLIENT, type ToEditor, type ToHost, type ToServer } from '../wire/messages'

type Incoming = ToClient | ToEditor

export class Link {
  private readonly handlers = new Map<string, ((frame: never) => void)[]>()
  private readonly early: Incoming[] = []
  private readonly fetches = new Map<number, (answer: Fetched) => void>()
  private fetchCount = 0

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }) => {
      const frame = decode(data as string)
      if (frame) this.receive(frame)
    }
  }

  send(frame: ToServer | ToHost): void {
    this.port.postMessage(JSON.stringify(frame))
  }

  /** Handles frames of one kind. Those that came before the first handler are handed to it now, in order. */
  on<T extends Incoming['t']>(kind: T, handler: (frame: Extract<Incoming, { t: T }>) => void): void {
    this.handlers.set(kind, [...(this.handlers.get(kind) ?? []), handler])
    const waiting = this.early.filter((frame) => frame.t === kind)
    for (const frame of waiting) {
      this.early.splice(this.early.indexOf(frame), 1)
      handler(frame as Extract<Incoming, { t: T }>)
    }
  }

  /** Reads a path of the control plane, or with `put` uploads to it. Status 0 where the network failed. */
  fetch(path: string, put?: string): Promise<Fetched> {
    return this.ask({ path, put: put ?? null })
  }

  post(path: string, body: string): Promise<Fetched> {
    return this.ask({ path, post: body })
  }

  /** Bytes of the control plane, or with `put` or `post` sent there; the answer's `text` is base64 then too. */
  bytes(path: string, send: { put?: Uint8Array; post?: Uint8Array } = {}): Promise<Fetched> {
    return this.ask({ path, put: send.put ? toBase64(send.put) : null, post: send.post ? toBase64(send.post) : null, base64: true })
  }

  private ask(frame: Omit<FetchToHost, 't' | 'id'>): Promise<Fetched> {
    const id = ++this.fetchCount
    this.send({ t: 'fetch', id, ...frame })
    return new Promise((resolve) => this.fetches.set(id, resolve))
  }

  private receive(frame: Incoming): void {
    if (frame.t === 'fetched') {
      this.fetches.get(frame.id)?.({ status: frame.status, text: frame.text })
      this.fetches.delete(frame.id)
      return
    }
    const handlers = this.handlers.get(frame.t) as ((frame: Incoming) => void)[] | undefined
    if (handlers) for (const handler of handlers) handler(frame)
    else if (KEPT.has(frame.t)) this.early.push(frame)
  }
}

/** The message in a frame, the server's ones checked; null, with a word in the console, where there is none. */
function decode(text: string): Incoming | null {
  try {
    const frame = JSON.parse(text) as ToEditor
    return frame.t in TO_CLIENT ? decodeToClient(text) : frame
  } catch (error) {
    if (!(error instanceof BadFrame || error instanceof SyntaxError)) throw error
    console.error('frame refused', error.message)
    return null
  }
}

/** The frames that some part of the iframe handles, perhaps only once it has loaded; the others are the host page's. */
const KEPT = new Set<Incoming['t']>(['welcome', 'committed', 'stale', 'refused', 'pong', 'presence', 'presence.left', 'role', 'connection', 'lsp', 'stored', 'aside', 'follow', 'theme', 'open', 'focus', 'preview.ready', 'preview.unparsed'])
