/**
 * That this browser has the editor's scripts compiled, as the editor says (src/workbench/compiled.ts): from then on `again.html` opens it
 * sooner (vite.config.ts says why). It is a cookie, for one build of the editor, so that the server can write the right address into the
 * page: an iframe that a script has to open comes a tenth of a second later.
 */

const YEAR = 365 * 24 * 3600

export function noteCompiled(build: string): void {
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  document.cookie = `editor=${build}; Path=/workers; Max-Age=${YEAR}; SameSite=Lax${secure}`
}
