/** Where a worker's files lie in the workbench: below `/worker` of the `file` scheme, for which alone search is built in. */
import { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'

export const ROOT = '/worker'

export const toUri = (path: string): URI => URI.file(path ? `${ROOT}/${path}` : ROOT)

/** The workspace path of a resource ('' for the root), or null where it is not the worker's. */
export function toPath(uri: URI): string | null {
  if (uri.scheme !== 'file') return null
  const path = uri.path.replace(/\/$/, '')
  if (path === ROOT) return ''
  return path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : null
}
