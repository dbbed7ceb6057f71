/**
 * Where edits wait that the server has not acknowledged, so that a closed tab loses none. The client says `store` after
 * every change of what is pending, and `clear` once nothing is. In the browser the record goes to the host page's IndexedDB
 * (`workbench/port-outbox`, `host/outbox`); in memory, as here, it is never kept beyond the tab.
 */
import type { AnyOperation } from '../wire/messages'
import type { Text } from './text'

/** A file as the server confirmed it, below the edits that wait. */
export interface Base {
  id: string
  path: string
  eol: 'lf' | 'crlf'
  bom: boolean
  text: Text
}

export interface Pending {
  client: string
  /** The confirmed revision that `flight` and `buffer` stand on. */
  revision: number
  /** The number of the flight, or of the last one where none is under way. */
  seq: number
  flight: AnyOperation[]
  /** Made after the flight, on top of it. */
  buffer: AnyOperation[]
  /** The files whose edits the server would refuse as they are. */
  held: string[]
  /** The files that the edits are of, so that their text can be shown even when the log no longer reaches back. */
  bases: Base[]
}

export interface Outbox {
  /** `pending` makes the record when it is wanted: a keystroke must not pay for it. */
  store(pending: () => Pending): void
  clear(): void
  /** Whether all that was given so far would survive the tab. */
  readonly isKept: boolean
  /** Called when `isKept` has changed. */
  onKept: () => void
}

export class MemoryOutbox implements Outbox {
  readonly isKept = false
  onKept = (): void => {}
  private newest: (() => Pending) | null = null

  store(pending: () => Pending): void {
    this.newest = pending
  }

  clear(): void {
    this.newest = null
  }

  read(): Pending | null {
    return this.newest?.() ?? null
  }
}
