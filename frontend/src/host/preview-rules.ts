/**
 * What the host believes of a preview page, which is hostile: one message, and a guess at where its reader has gone. Pure.
 */

export interface OpenRequest {
  path: string
  line: number
}

const MAX_PATH = 1024
const MAX_LINE = 1_000_000

/** The `{open: path, line}` of an error page, or null for everything else. The workbench still checks that the file exists. */
export function readOpen(data: unknown): OpenRequest | null {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return null
  const keys = Object.keys(data)
  if (keys.length !== 2) return null
  const { open, line } = data as { open?: unknown; line?: unknown }
  if (typeof open !== 'string' || typeof line !== 'number') return null
  if (!Number.isInteger(line) || line < 1 || line > MAX_LINE) return null
  return isModulePath(open) ? { path: open, line } : null
}

/** A workspace-relative path: no root, no `..`, no empty or dotted segment, no backslash, no control character. */
export function isModulePath(path: string): boolean {
  if (!path || path.length > MAX_PATH) return false
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

/** What was typed into the address, as a path of the preview: always begins with one slash, never another origin. */
export function toPath(typed: string, origin: string): string {
  const text = typed.trim()
  if (!text) return '/'
  try {
    const url = new URL(text.startsWith('/') || /^https?:/i.test(text) ? text : `/${text}`, origin)
    if (url.origin !== origin) return '/'
    return url.pathname + url.search + url.hash
  } catch {
    return '/'
  }
}

export interface Seen {
  method: string
  path: string
  status: number
  at: number
}

const ASSET = /\.(css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|json|txt|wasm)$/i

/**
 * Where the reader of the preview went by a link or a form, from the requests since the last load: the page is on another
 * origin, so its address cannot be asked for. Null where nothing can be said. `repeatable` is false after anything but GET:
 * the pane must not send it again.
 */
export function guessNavigation(requests: Seen[]): { path: string; repeatable: boolean } | null {
  const pages = requests.filter((each) => each.method && each.status > 0 && !ASSET.test(each.path.split('?')[0] ?? ''))
  pages.sort((a, b) => a.at - b.at)
  const index = pages.findIndex((each) => each.status < 300 || each.status >= 400)
  const page = pages[index]
  if (!page) return null
  return { path: page.path, repeatable: page.method === 'GET' || page.method === 'HEAD' }
}
