/**
 * Paths of a workspace: relative, lexical POSIX. The rule is the server's (`preview/bundle.py`); this copy only lets the
 * explorer say no at once, and the server checks again.
 */
import { utf8Length } from './text'

const MAX_PATH = 1024
const MAX_SEGMENT = 255
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/

/** Why a path cannot be used, as a sentence for a person, or null where it can. */
export function pathProblem(path: string): string | null {
  if (!path) return 'A name cannot be empty.'
  if (path.startsWith('/')) return 'A path cannot begin with a slash.'
  if (path.includes('\\')) return 'A name cannot contain a backslash.'
  if (CONTROL.test(path)) return 'A name cannot contain control characters.'
  if (!path.isWellFormed()) return 'A name must be valid Unicode.'
  if (utf8Length(path) > MAX_PATH) return `A path can be at most ${MAX_PATH} bytes long.`
  for (const segment of path.split('/')) {
    if (!segment) return 'A path cannot contain an empty name.'
    if (segment === '.' || segment === '..') return `A path cannot contain “${segment}”.`
    if (/[. ]$/.test(segment)) return 'A name cannot end with a dot or a space.'
    if (utf8Length(segment) > MAX_SEGMENT) return `A name can be at most ${MAX_SEGMENT} bytes long.`
  }
  return null
}

/** The folder that holds a path; '' for the root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

/** Whether `path` is `folder` itself or lies below it. */
export const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

/** Where `path` is after `from` became `to`. */
export const moved = (path: string, from: string, to: string): string =>
  isWithin(path, from) ? to + path.slice(from.length) : path

/** All folders above a path, the outermost first. */
export function ancestors(path: string): string[] {
  const segments = path.split('/')
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'))
}

/** `path`, or the first of `stem-2.py`, `stem-3.py`, … that is not taken. With `suffix`, `stem-suffix.py` is tried first. */
export function freeName(path: string, taken: (path: string) => boolean, suffix = ''): string {
  const folder = parentOf(path)
  const name = path.slice(folder ? folder.length + 1 : 0)
  const dot = name.lastIndexOf('.')
  const stem = dot > 0 ? name.slice(0, dot) : name
  const extension = dot > 0 ? name.slice(dot) : ''
  const at = (middle: string): string => `${folder ? `${folder}/` : ''}${stem}${middle}${extension}`
  const first = suffix ? `-${suffix}` : ''
  for (let n = 1; ; n++) {
    const candidate = at(n === 1 ? first : `${first}-${n}`)
    if (!taken(candidate)) return candidate
  }
}
