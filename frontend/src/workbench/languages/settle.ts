/**
 * Completion lists come in two steps: what one analyser knows at once, marked incomplete, and the settled list a moment later.
 * VS Code asks again only with the next key, so this asks for it. Nor does it ask anew where a list comes so late that the next
 * word was begun meanwhile: it would look for that in the old list, so it gets none. And an empty list it takes for the last word,
 * incomplete or not, so that is asked for again first. A middleware of the language client.
 */
import * as vscode from 'vscode'
import type { ProvideCompletionItemsSignature } from 'vscode-languageclient'

type List = vscode.CompletionList | vscode.CompletionItem[] | null | undefined

interface Settled {
  key: string
  list: List
}

const keyOf = (document: vscode.TextDocument, at: vscode.Position): string => `${document.uri} ${document.version} ${at.line}:${at.character}`
const size = (list: List): number => (Array.isArray(list) ? list.length : (list?.items.length ?? 0))

/** Whether the cursor has left the word that was asked about. */
function isPast(document: vscode.TextDocument, at: vscode.Position): boolean {
  const editor = vscode.window.activeTextEditor
  const cursor = editor?.selection.active
  if (editor?.document !== document || cursor?.line !== at.line || !cursor.isAfter(at)) return false
  return /\W/.test(document.getText(new vscode.Range(at, cursor)))
}

const isOpen = (list: List): boolean => !!list && !Array.isArray(list) && list.isIncomplete === true && list.items.length === 0

/** `provideCompletionItem` for the client's middleware. */
export function settling() {
  let settled: Settled | null = null
  const settle = async (document: vscode.TextDocument, at: vscode.Position, next: ProvideCompletionItemsSignature, first: List): Promise<void> => {
    const key = keyOf(document, at)
    const context = { triggerKind: vscode.CompletionTriggerKind.TriggerForIncompleteCompletions, triggerCharacter: undefined }
    const list = await next(document, at, context, new vscode.CancellationTokenSource().token)
    const cursor = vscode.window.activeTextEditor?.selection.active
    if (size(list) === size(first) || keyOf(document, at) !== key || !cursor?.isEqual(at)) return
    settled = { key, list }
    await vscode.commands.executeCommand('editor.action.triggerSuggest')
  }
  return async (
    document: vscode.TextDocument,
    at: vscode.Position,
    context: vscode.CompletionContext,
    token: vscode.CancellationToken,
    next: ProvideCompletionItemsSignature,
  ): Promise<List> => {
    if (settled?.key === keyOf(document, at)) return settled.list
    settled = null
    const key = keyOf(document, at)
    let list = await next(document, at, context, token)
    // The same question again waits at the server for what is missing.
    if (isOpen(list) && keyOf(document, at) === key && !token.isCancellationRequested) list = await next(document, at, context, token)
    if (isPast(document, at)) return null
    if (isOpen(list) && keyOf(document, at) !== key && !token.isCancellationRequested) {
      // The word has grown meanwhile: the question is put anew, for all of it, once VS Code is done with this one.
      setTimeout(() => void vscode.commands.executeCommand('editor.action.triggerSuggest', { auto: true }))
      return null
    }
    // A newer question cancels this one, which is no failure.
    if (list && !Array.isArray(list) && list.isIncomplete && !token.isCancellationRequested) void settle(document, at, next, list).catch(() => undefined)
    return list
  }
}
