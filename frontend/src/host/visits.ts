/**
 * Whether this browser is likely to have the editor's scripts compiled. Chromium keeps the compiled code of a script at its second
 * use, if that is within three days of the first; from then on `again.html` opens the editor sooner, and before that `editor.html`
 * does (vite.config.ts says why). It is a cookie, for one build of the editor, so that the server can write the right address into
 * the page: an iframe that a script has to open comes a tenth of a second later.
 */

const NAME = 'editor'
/** Seconds within which a second use counts (`kCacheTTL` of Chromium's v8_code_cache). */
const WITHIN = 72 * 3600
const YEAR = 365 * 24 * 3600

export class EditorVisits {
  constructor(private readonly build: string) {}

  get compiled(): boolean {
    return this.kept === `compiled:${this.build}`
  }

  /** The editor has opened. */
  note(): void {
    if (this.compiled || this.kept === `opened:${this.build}`) this.keep('compiled', YEAR)
    else this.keep('opened', WITHIN)
  }

  private get kept(): string {
    return document.cookie.match(new RegExp(`(?:^|; )${NAME}=([^;]*)`))?.[1] ?? ''
  }

  private keep(what: string, seconds: number): void {
    const secure = location.protocol === 'https:' ? '; Secure' : ''
    document.cookie = `${NAME}=${what}:${this.build}; Path=/workers; Max-Age=${seconds}; SameSite=Lax${secure}`
  }
}
