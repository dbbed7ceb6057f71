/**
 * Takes up what an earlier session of the same person left in the outbox: under its client id and number, so that the server
 * recognises what it has already. `client` does this where it is given a record; the host page runs such a client for every
 * orphaned one.
 */
import type { AnyOperation, Committed } from '../wire/messages'
import type { Snapshot } from './effects'
import type { Pending } from './outbox'
import type { Replica } from './replica'

/** As in `Pending`, the bases' texts as strings: what IndexedDB holds. */
export interface Stored extends Omit<Pending, 'bases'> {
  bases: { id: string; path: string; eol: 'lf' | 'crlf'; bom: boolean; text: string }[]
}

export interface Restored {
  record: Stored
  /** The workspace at the record's revision; null where the log no longer reaches back that far. */
  snapshot: Snapshot | null
}

/**
 * Fills an empty replica. Without a snapshot it holds only the files that the edits are of, as they were: the client then
 * starts from the newest snapshot, and what has changed since becomes a copy beside it.
 */
export function fill(replica: Replica, { record, snapshot }: Restored): void {
  const alone = { revision: record.revision, files: record.bases, folders: [] }
  replica.reset(snapshot ?? alone)
  replica.restore(record.flight, record.buffer)
}

/**
 * Whether a batch was sent by the session that left the record, after the record was written: then it holds what the record's
 * buffer held, and the buffer must not be sent again.
 */
export function isLater(record: Stored, batch: Committed): boolean {
  return batch.client === record.client && batch.seq > record.seq
}

/**
 * The files of a record's buffer whose edits a later batch of the same session leaves open: those that it does not name and
 * that were held back when the record was written.
 */
export function leftOpen(record: Stored, ops: readonly AnyOperation[]): Set<string> {
  const named = new Set(ops.map((op) => ('file' in op ? op.file : '')))
  return new Set(record.held.filter((file) => !named.has(file)))
}
