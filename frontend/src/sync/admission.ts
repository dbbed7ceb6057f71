/**
 * Which files' edits must wait here because the server would refuse them: a module over the size limit, text that UTF-8
 * cannot carry. Their text stays in the editor, unsaved and said to be so, until it fits again. Used by `client`.
 */
import type { Notice } from './parts'
import type { Replica } from './replica'
import { type ChangeSet, isWellFormed, utf8Length } from './text'

/** Bytes of one module in UTF-8; the server's limit (`preview/bundle.py`). */
export const MAX_MODULE = 1024 * 1024

export class Admission {
  private readonly suspects = new Set<string>()
  private readonly told = new Map<string, string>()
  private blocked = false

  constructor(private readonly replica: Replica, private readonly notify: (notice: Notice) => void) {}

  /** Notes an edit that inserts half a surrogate pair; the other half may follow. */
  edited(file: string, changes: ChangeSet): void {
    changes.iterChanges((_fromA, _toA, _fromB, _toB, inserted) => {
      if (!isWellFormed(inserted.toString())) this.suspects.add(file)
    })
  }

  /** The worker as a whole is over a limit: nothing goes out until something changes. */
  block(): void {
    this.blocked = true
  }

  unblock(): void {
    this.blocked = false
  }

  /** Looks at what waits in the buffer, tells the person what cannot go, and answers which files to hold. */
  check(): (file: string) => boolean {
    const problems = new Map<string, string>()
    for (const file of this.replica.buffered()) {
      const problem = this.problem(file)
      if (problem) problems.set(file, problem)
    }
    for (const [file, message] of problems) {
      if (this.told.has(file)) continue
      this.told.set(file, message)
      this.notify({ level: 'error', message, hint: 'It stays here, not saved, until it fits.' })
    }
    for (const [file, message] of this.told) {
      if (problems.has(file)) continue
      this.told.delete(file)
      this.notify({ level: 'info', message, over: true })
    }
    return (file) => this.blocked || problems.has(file)
  }

  /** The files whose edits wait here, as they were found last. */
  held(): string[] {
    return [...this.told.keys()]
  }

  private problem(file: string): string | null {
    const text = this.replica.text(file)
    const entry = this.replica.visible.files.get(file)
    if (!text || !entry) return null
    const { path } = entry
    // Line ends and the byte order mark count as they stand in the module.
    const extra = (entry.eol === 'crlf' ? text.lines - 1 : 0) + (entry.bom ? 3 : 0)
    if (text.length * 3 + extra > MAX_MODULE && utf8Length(text.toString()) + extra > MAX_MODULE) return `${path} is over 1 MiB.`
    if (!this.suspects.has(file)) return null
    if (!isWellFormed(text.toString())) return `${path} holds half a character (a lone surrogate).`
    this.suspects.delete(file)
    return null
  }
}
