/** The history of a workspace over the link: what the server answers, as types, and how it is said to a person. */
import type { Link } from './link'

export interface EntryFile {
  id: string
  path: string
  change: 'created' | 'edited' | 'renamed' | 'deleted' | 'content'
  was: string | null
  /** Characters come and gone. */
  plus: number
  minus: number
}

/** One person's changes that follow each other closely. `at` is milliseconds since the epoch. */
export interface Entry {
  revision: number
  since: number
  at: number
  by: { id: number; name: string }
  restored: number | null
  live: number | null
  files: EntryFile[]
}

export interface LiveVersion {
  version: number
  revision: number
  /** ISO 8601; `until` is null for what is live now. */
  at: string
  until: string | null
  by: { id: number; name: string }
  message: string
}

export class HistoryApi {
  private readonly base: string

  constructor(private readonly link: Link, worker: string) {
    this.base = `/api/v1/workers/${worker}`
  }

  page(before: number | undefined, file: string | null): Promise<{ entries: Entry[]; next: number | null }> {
    const query = new URLSearchParams()
    if (before !== undefined) query.set('before', String(before))
    if (file !== null) query.set('file', file)
    return this.get(`history?${query}`)
  }

  async live(): Promise<LiveVersion[]> {
    return (await this.get<{ live: LiveVersion[] }>('history/live')).live
  }

  /** The text of a file at a revision; null where there was none, a sentence in its place where it is binary. */
  async text(revision: number, file: string): Promise<string | null> {
    const { status, text } = await this.link.fetch(`${this.base}/history/${revision}/files/${file}`)
    if (status === 404) return null
    const found = answer<{ text: string; digest: string | null; size: number }>(status, text)
    return found.digest ? `A binary file of ${found.size} bytes, SHA-256 ${found.digest}.` : found.text
  }

  async restore(revision: number, file: string | null): Promise<{ revision: number; changed: number }> {
    const { status, text } = await this.link.post(`${this.base}/restore`, JSON.stringify({ revision, file }))
    return answer(status, text)
  }

  private async get<T>(path: string): Promise<T> {
    const { status, text } = await this.link.fetch(`${this.base}/${path}`)
    return answer<T>(status, text)
  }
}

/** The body of an answer. Raises Error with the server's own sentence, or that it was not reached. */
function answer<T>(status: number, text: string): T {
  if (status >= 200 && status < 300) return JSON.parse(text) as T
  if (status === 0) throw new Error('The server cannot be reached. Try again when the connection is back.')
  try {
    const { error } = JSON.parse(text) as { error: { message: string; hint?: string } }
    throw new Error([error.message, error.hint].filter(Boolean).join(' '))
  } catch (error) {
    throw error instanceof SyntaxError ? new Error(`The server answered ${status}.`) : error
  }
}

/** «renamed from a.py, +12 −3». */
export function describe({ change, was, plus, minus }: EntryFile): string {
  const sizes = [plus ? `+${plus}` : '', minus ? `−${minus}` : ''].filter(Boolean).join(' ')
  const said = change === 'renamed' ? `renamed from ${was}` : change === 'content' ? 'new content' : change === 'edited' ? '' : change
  return [said, sizes].filter(Boolean).join(', ')
}

/** A moment, or from one to another (`null`: now), in the person's own way of writing times. */
export function interval(from: number | string, until: number | string | null | undefined): string {
  const say = (at: number | string): string => {
    const date = new Date(at)
    const today = date.toDateString() === new Date().toDateString()
    return date.toLocaleString(undefined, today ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
  }
  if (until === undefined) return say(from)
  return `${say(from)} – ${until === null ? 'now' : say(until)}`
}
