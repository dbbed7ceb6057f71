/**
 * A module that does not parse, as the server found it, in VS Code's Problems and under the text: with no language server at
 * all the person sees where. Set up by `workbench`; the language client's own diagnostics stand beside it.
 */
import type { IMarkerService } from '@codingame/monaco-vscode-api'
import { MarkerSeverity } from '@codingame/monaco-vscode-api/vscode/vs/platform/markers/common/markers'
import type { Link } from './link'
import { toUri } from './space'

const OWNER = 'Quick Edit'

export function showProblems(markers: IMarkerService, link: Link): void {
  link.on('preview.unparsed', ({ path, line, column, message }) => {
    const [startLineNumber, startColumn] = [Math.max(1, line), Math.max(1, column)]
    const marker = { severity: MarkerSeverity.Error, message, source: 'preview', startLineNumber, startColumn, endLineNumber: startLineNumber, endColumn: startColumn + 1 }
    markers.changeAll(OWNER, [{ resource: toUri(path), marker }])
  })
  link.on('preview.ready', () => markers.changeAll(OWNER, []))
}
