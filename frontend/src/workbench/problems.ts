/**
 * A module that does not parse, as the server found it, in VS Code's Problems and under the text: with no language server at
 * all the person sees where. Set up by `workbench`; the language client's own diagnostics stand beside it.
 */
import type * as api from 'vscode'
import type { Link } from './link'
import { toUri } from './space'

export function showProblems(vscode: typeof api, link: Link): void {
  const problems = vscode.languages.createDiagnosticCollection('Quick Edit')
  link.on('preview.unparsed', ({ path, line, column, message }) => {
    const at = new vscode.Position(Math.max(0, line - 1), Math.max(0, column - 1))
    const problem = new vscode.Diagnostic(new vscode.Range(at, at.translate(0, 1)), message, vscode.DiagnosticSeverity.Error)
    problem.source = 'preview'
    problems.clear()
    problems.set(toUri(path) as unknown as api.Uri, [problem])
  })
  link.on('preview.ready', () => problems.clear())
}
