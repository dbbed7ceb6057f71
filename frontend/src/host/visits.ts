/**
 * Whether this browser is likely to have the editor's scripts compiled. Chromium keeps the compiled code of a script at its second
 * use, if that is within three days of the first; from then on `again.html` opens the editor sooner, and before that `editor.html`
 * does (vite.config.ts says why). Kept by the browser for one build of the editor; where storage is refused, nothing is expected.
 */

const KEY = 'quickedit:editor-visits'
/** Milliseconds within which a second use counts (`kCacheTTL` of Chromium's v8_code_cache). */
const WITHIN = 72 * 3600 * 1000

interface Visits {
  build: string
  /** When the editor was opened first, or first again after a pause; milliseconds since 1970. */
  since: number
  compiled: boolean
}

export class EditorVisits {
  constructor(
    private readonly build: string,
    private readonly now: () => number = Date.now,
  ) {}

  get compiled(): boolean {
    return this.read()?.compiled ?? false
  }

  /** The editor has opened. */
  note(): void {
    const kept = this.read()
    const again = kept !== null && (kept.compiled || this.now() - kept.since < WITHIN)
    const visits: Visits = { build: this.build, since: again ? kept.since : this.now(), compiled: again }
    try {
      localStorage.setItem(KEY, JSON.stringify(visits))
    } catch {
      // storage is full or refused
    }
  }

  private read(): Visits | null {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Visits | null
      return kept?.build === this.build ? kept : null
    } catch {
      return null
    }
  }
}
