/**
 * Where a worker's files lie in the workbench: below a folder with the worker's name, which the explorer shows, of the `file`
 * scheme, for which alone search is built in.
 */
import { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'

/** Read-only documents: the platform's stubs and the standard library's, which the server reads out. */
export const STUBS = 'stubs'
/** A file as it was at a revision. */
export const HISTORY = 'quickedit-history'
/** Of these, who reads them comes after the first colours. */
export const LATE_SCHEMES: ReadonlySet<string> = new Set([STUBS, HISTORY])

let root = '/worker'

/** Says what the worker is called. Before the workbench starts; a rename shows when the page is loaded again. */
export function nameRoot(worker: string): void {
  root = `/${worker}`
}

export const toUri = (path: string): URI => URI.file(path ? `${root}/${path}` : root)

/** The workspace path of a resource ('' for the root), or null where it is not the worker's. */
export function toPath(uri: URI): string | null {
  if (uri.scheme !== 'file') return null
  const path = uri.path.replace(/\/$/, '')
  if (path === root) return ''
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null
}
