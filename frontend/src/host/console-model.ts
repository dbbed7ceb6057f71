/**
 * The requests of the console and what they printed: merged by request, filtered, bounded. Pure; console.ts draws it.
 */

import type { LogRecord, LogToClient } from '../wire/messages'

export type Level = '' | 'warning' | 'error'

export interface Row {
  id: string
  method: string
  path: string
  /** 0 until the answer is known. */
  status: number
  ms: number
  at: number
  revision: number
  records: LogRecord[]
  dropped: number
}

export const MAX_ROWS = 2000
const MAX_RECORDS = 1000

/** True for what opens by itself and counts in the badge: a request that failed, or an error printed outside any. */
export function failed(row: Row): boolean {
  return row.status >= 500 || (!row.method && row.records.some((record) => record.level === 'error'))
}

export class ConsoleModel {
  readonly rows: Row[] = []
  /** Rows that went because there were too many. */
  gone = 0
  private readonly byId = new Map<string, Row>()
  private readonly countedFailures = new Set<string>()
  unseenFailures = 0

  /** Adds a frame; `fresh` is false where it belongs to a row that was there. */
  add(log: LogToClient, watched: boolean): { row: Row; fresh: boolean; dropped: Row[] } {
    let row = this.byId.get(log.request)
    const fresh = !row
    if (!row) {
      row = { id: log.request, method: log.method, path: log.path, status: 0, ms: 0, at: log.at, revision: log.revision, records: [], dropped: 0 }
      this.byId.set(row.id, row)
      this.rows.push(row)
    }
    if (log.status) {
      row.status = log.status
      row.ms = log.ms
    }
    row.records.push(...log.records)
    row.dropped += log.dropped ?? 0
    if (row.records.length > MAX_RECORDS) row.dropped += row.records.splice(0, row.records.length - MAX_RECORDS).length
    if (failed(row) && !this.countedFailures.has(row.id)) {
      this.countedFailures.add(row.id)
      if (!watched) this.unseenFailures += 1
    }
    return { row, fresh, dropped: this.trim() }
  }

  clear(): void {
    this.rows.length = 0
    this.byId.clear()
    this.countedFailures.clear()
    this.unseenFailures = 0
    this.gone = 0
  }

  private trim(): Row[] {
    const dropped = this.rows.splice(0, Math.max(0, this.rows.length - MAX_ROWS))
    for (const row of dropped) {
      this.byId.delete(row.id)
      this.countedFailures.delete(row.id)
    }
    this.gone += dropped.length
    return dropped
  }
}

/** `text`, `status:500`, `status:4` (all 4xx), `/path`, `level:warn`, `method:post`; several must all hold. */
export function matches(row: Row, query: string, level: Level): boolean {
  if (level === 'error' && !failed(row) && !row.records.some((record) => record.level === 'error')) return false
  if (level === 'warning' && !failed(row) && row.status < 400 && !row.records.some((record) => record.level !== 'info' && record.level !== 'debug')) return false
  return query
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((term) => holds(row, term))
}

function holds(row: Row, term: string): boolean {
  const [, key, value] = /^(status|level|method):(.*)$/.exec(term) ?? []
  if (key === 'status') return String(row.status).startsWith(value ?? '')
  if (key === 'method') return row.method.toLowerCase().startsWith(value ?? '')
  if (key === 'level') return row.records.some((record) => record.level.startsWith(value ?? ''))
  if (term.startsWith('/')) return row.path.toLowerCase().includes(term)
  return `${row.method} ${row.path}`.toLowerCase().includes(term) || row.records.some((record) => record.text.toLowerCase().includes(term))
}

/** The last line of a traceback is what happened; everything above it is how. */
export function splitError(text: string): { what: string; how: string } {
  const lines = text.trimEnd().split('\n')
  if (lines.length < 2 || !/^(Traceback|  File )/.test(text)) return { what: lines[0] ?? '', how: lines.slice(1).join('\n') }
  return { what: lines[lines.length - 1] ?? '', how: lines.slice(0, -1).join('\n') }
}
