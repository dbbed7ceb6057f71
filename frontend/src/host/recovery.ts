/**
 * Takes up what a tab that is gone had not had acknowledged: a sync client without an editor, under the lost one's id, on a
 * connection of its own. What it sends arrives in the open editor as any other edit. Loaded only where there is such a record.
 */

import { SyncClient } from '../sync/client'
import type { Snapshot } from '../sync/effects'
import type { Notice, Status } from '../sync/parts'
import type { Stored } from '../sync/restore'
import { BadFrame, decodeToClient } from '../wire/codec'
import type { ToClient } from '../wire/messages'
import type { Api } from './api'
import { Backoff } from './backoff'
import { carry } from './courier'
import { Line } from './line'

export interface RecoveryParts {
  api: Api
  worker: string
  user: number
  socket: string
  notice(notice: Notice): void
  /** Text that the server refused: a person must see it. */
  aside(path: string, text: string): void
  /** Edits of the record that are not acknowledged yet. */
  waiting(count: number): void
}

/** Settles with true when all of the record is acknowledged or shown, and with false where this page may not do it. */
export async function recover(record: Stored, parts: RecoveryParts): Promise<boolean> {
  parts.waiting(1)
  try {
    const snapshot = await snapshotAt(record.revision, parts)
    return snapshot === 'denied' ? false : await drain(record, snapshot, parts)
  } finally {
    parts.waiting(0)
  }
}

/** The workspace as the record's edits found it; null where the log no longer reaches back that far. */
async function snapshotAt(revision: number, { api, worker }: RecoveryParts): Promise<Snapshot | null | 'denied'> {
  const backoff = new Backoff(500, 10_000)
  for (;;) {
    const { status, text } = await carry(api, worker, { path: `/api/v1/workers/${worker}/snapshot?revision=${revision}` })
    if (status === 200) return JSON.parse(text) as Snapshot
    if (status === 409 || status === 410) return null
    if (status === 401 || status === 403 || status === 404) return 'denied'
    await new Promise((resolve) => setTimeout(resolve, backoff.next()))
  }
}

function drain(record: Stored, snapshot: Snapshot | null, parts: RecoveryParts): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (done: boolean): void => {
      line.close()
      resolve(done)
    }
    const status = ({ state, waiting }: Status): void => {
      parts.waiting(waiting)
      if (state === 'saved') end(true)
    }
    const client = new SyncClient({
      restored: { record, snapshot },
      send: (frame) => void (frame.t === 'reconnect' ? line.renew() : line.send(JSON.stringify(frame))),
      fetch: (path, put) => carry(parts.api, parts.worker, { path, put: put ?? null }),
      listener: { onTree: () => undefined, onText: () => undefined, onStatus: status, onNotice: parts.notice, onSetAside: parts.aside },
    })
    const line = new Line(parts.socket, {
      state: (state) => (state === 'ended' ? end(false) : client.connection(state === 'open')),
      frame: (text) => {
        const frame = decoded(text)
        // Signed in as somebody else by now: nothing of the record may be sent in that name.
        if (frame?.t === 'welcome' && frame.you.id !== parts.user) end(false)
        else if (frame) client.receive(frame)
      },
    })
    line.start()
  })
}

function decoded(text: string): ToClient | null {
  try {
    return decodeToClient(text)
  } catch (error) {
    if (!(error instanceof BadFrame)) throw error
    console.error('frame refused', error.message)
    return null
  }
}
