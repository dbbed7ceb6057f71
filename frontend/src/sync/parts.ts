/** What the sync client needs from outside, and what it tells: implemented by the workbench, and by tests. */
import type { HelloToServer, NoticeToHost, OpToServer, PingToServer, PresenceToServer, ReconnectToHost, RunToServer, StatusToHost } from '../wire/messages'
import type { TextChange } from './effects'
import type { TreeChange } from './tree'

/** The frames that the client sends; the last two go no further than the host page. */
export type Outgoing = HelloToServer | OpToServer | RunToServer | PingToServer | PresenceToServer | ReconnectToHost

export interface Fetched {
  /** HTTP status; 0 where the network failed. */
  status: number
  text: string
}

/** Reads a path of the control plane, or with `put` uploads to it. Never rejects. */
export type Fetch = (path: string, put?: string) => Promise<Fetched>

export interface Clock {
  /** Milliseconds, from any fixed point. */
  now(): number
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, call: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}

export type Status = Required<Omit<StatusToHost, 't'>>
export type Notice = Omit<NoticeToHost, 't'>

/** Called after the replica has changed; by remote operations and refusals only, never by the person's own edits. */
export interface Listener {
  onTree(changes: readonly TreeChange[]): void
  onText(change: TextChange): void
  onStatus(status: Status): void
  onNotice(notice: Notice): void
  /** Text that the server refused and that now stands nowhere else: show it, so that it can be copied. */
  onSetAside(path: string, text: string): void
}

/** The digest that names a blob: SHA-256 of its UTF-8 bytes, in hex. */
export async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A name that nobody else chooses: 20 hex digits. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(10))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
