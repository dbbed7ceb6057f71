/**
 * The pipe of the edit page: frames between the iframe's port and the server's line, in order and unchanged. What is for the page is
 * handed to it; what the page reads in passing goes on to the iframe as well. The page never makes an operation.
 */

import { TO_CLIENT, TO_SERVER, type FetchToHost, type GoodbyeToClient, type OpenToEditor, type ThemeToEditor, type ToClient, type ToEditor, type ToHost, type WelcomeToClient } from '../wire/messages'
import type { Notice } from '../sync/parts'
import type { Stored } from '../sync/restore'
import { noteCompiled } from './compiled'
import { carry } from './courier'
import type { Api } from './api'
import { Greeting } from './greeting'
import { Line, type LineState } from './line'
import { OutboxStore, type Owner } from './outbox'
import type { RecoveryParts } from './recovery'
import { EditorPort } from './port'
import { theme, type Theme } from './theme'

/** What the iframe says to the page itself. */
export type ForPage = Exclude<ToHost, { t: 'fetch' | 'reconnect' | 'store' | 'forget' | 'compiled' }>

export interface SessionEvents {
  /** A frame from the server, read in passing. */
  server(frame: ToClient): void
  /** A frame from the iframe for the page. */
  editor(frame: ForPage): void
  line(state: LineState, why: string): void
  /** The iframe asked for its port, or did not in time. */
  port(state: 'open' | 'missing'): void
  /** Edits of tabs that are gone, taken up by this page and not acknowledged yet. */
  recovering(waiting: number): void
  notice(notice: Notice): void
}

export interface SessionAddress {
  worker: string
  /** The worker and the person by number: names change. */
  owner: Owner
  socket: string
  editorOrigin: string
  frame: HTMLIFrameElement
}

export class Session {
  private readonly line: Line
  private readonly port: EditorPort
  private readonly outbox: OutboxStore
  private readonly greeting = new Greeting()
  private readonly recovering = new Map<string, number>()
  /** What to open as soon as the iframe can. */
  private waitingOpen: OpenToEditor | null = null

  constructor(
    private readonly address: SessionAddress,
    private readonly api: Api,
    private readonly events: SessionEvents,
  ) {
    this.outbox = new OutboxStore(address.owner)
    this.line = new Line(socketUrl(address.socket), { state: (state, why) => this.lineChanged(state, why ?? ''), frame: (text) => this.fromServer(text) })
    this.port = new EditorPort(address.frame, address.editorOrigin, {
      frame: (text) => this.fromEditor(text),
      opened: () => this.portOpened(),
      missing: () => events.port('missing'),
      greeting: () => ({ theme: theme(), open: this.waitingOpen && { path: this.waitingOpen.path, line: this.waitingOpen.line } }),
    })
  }

  start(): void {
    this.port.start()
    this.line.start()
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.takeUp())
  }

  tell(frame: ToEditor): void {
    if (this.port.open) this.port.send(JSON.stringify(frame))
    else if (frame.t === 'open') this.waitingOpen = frame
  }

  themeChanged(now: Theme): void {
    this.tell({ t: 'theme', theme: now } satisfies ThemeToEditor)
  }

  retryEditor(): void {
    this.greeting.forget()
    this.port.retry()
    this.line.renew() // a new iframe says hello on a new connection
    void this.outbox.abandon().then(() => this.takeUp())
  }

  /** Looks for what tabs that are gone have left. */
  private takeUp(): void {
    void this.outbox.orphans((record) => this.recover(record))
  }

  private async recover(record: Stored): Promise<boolean> {
    const { recover } = await import('./recovery')
    const parts: RecoveryParts = {
      api: this.api,
      worker: this.address.worker,
      user: this.address.owner.user,
      socket: socketUrl(this.address.socket),
      notice: (notice) => this.events.notice(notice),
      aside: (path, text) => this.tell({ t: 'aside', path, text }),
      waiting: (count) => {
        this.recovering.set(record.client, count)
        this.events.recovering([...this.recovering.values()].reduce((sum, each) => sum + each, 0))
      },
    }
    const done = await recover(record, parts)
    if (done) this.events.notice({ level: 'info', message: 'Edits of an earlier session are saved now.', hint: touched(record) })
    return done
  }

  private portOpened(): void {
    this.waitingOpen = null
    this.tellConnection(this.line.state)
    this.events.port('open')
    this.takeUp()
  }

  private lineChanged(state: LineState, why: string): void {
    if (state === 'open' || state === 'waiting' || state === 'ended') this.tellConnection(state)
    this.events.line(state, why)
  }

  private tellConnection(state: LineState): void {
    const open = state === 'open'
    if (open && this.port.open) this.greeting.told()
    this.tell({ t: 'connection', open })
  }

  private fromServer(text: string): void {
    const frame = decode(text)
    if (!frame || !(frame.t in TO_CLIENT)) return
    if (frame.t === 'welcome' && (frame as unknown as WelcomeToClient).you.id !== this.address.owner.user) return this.stranger()
    if (frame.t === 'goodbye') {
      const { message, hint, reconnect, after_ms: after } = frame as unknown as GoodbyeToClient
      this.line.expectEnd(reconnect ? '' : [message, hint].filter(Boolean).join(' '), after ?? 0)
    }
    this.port.send(text)
    this.events.server(frame as unknown as ToClient)
  }

  /** Another account signed in in this browser: what one person typed must not be sent in the other's name. */
  private stranger(): void {
    this.line.close()
    this.lineChanged('ended', 'Another account is signed in by now. Sign in as yourself in another tab, then reload this page.')
  }

  private fromEditor(text: string): void {
    const frame = decode(text)
    if (!frame) return
    if (frame.t in TO_SERVER) {
      if (this.greeting.passes(frame.t)) this.line.send(text)
      return
    }
    const own = frame as unknown as ToHost
    if (own.t === 'fetch') void this.fetch(own)
    else if (own.t === 'reconnect') this.line.renew()
    else if (own.t === 'store') void this.outbox.put(own).then((ok) => this.tell({ t: 'stored', n: own.n, ok }))
    else if (own.t === 'forget') void this.outbox.forget(own.client)
    else if (own.t === 'compiled') noteCompiled(this.address.frame.dataset.build ?? '')
    else this.events.editor(own)
  }

  private async fetch(asked: FetchToHost): Promise<void> {
    const { status, text } = await carry(this.api, this.address.worker, asked)
    this.tell({ t: 'fetched', id: asked.id, status, text })
  }
}

/** The files that a record edits, for the person: «main.py, lib/a.py». */
function touched({ bases }: Stored): string {
  const [shown, more] = [bases.slice(0, 3).map((base) => base.path), bases.length - 3]
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function decode(text: string): { t: string } | null {
  try {
    const frame: unknown = JSON.parse(text)
    return typeof frame === 'object' && frame !== null && typeof (frame as { t?: unknown }).t === 'string' ? (frame as { t: string }) : null
  } catch {
    return null
  }
}

/** `/ws/…` of this origin as a WebSocket address. */
function socketUrl(path: string): string {
  const url = new URL(path, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
