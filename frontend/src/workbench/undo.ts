/**
 * Keeps VS Code's undo stack valid under other people's edits. Its elements hold absolute offsets of the model's raw text,
 * so each one is mapped over the change that came in; then Ctrl+Z and Ctrl+Y touch only what the person did. The elements'
 * data is a private field of VS Code 1.128.1: the version is pinned, and a test types, undoes and compares.
 */
import { TextChange } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/core/textChange'
import type { Selection } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/core/selection'
import type { ITextModel } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model'
import { MultiModelEditStackElement, SingleModelEditStackData, SingleModelEditStackElement } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model/editStack'
import type { IUndoRedoService } from '@codingame/monaco-vscode-api/vscode/vs/platform/undoRedo/common/undoRedo.service'
import { ChangeSet, Text } from '../sync/text'
import { toSelection } from './positions'

/** Older elements than these are left as they are; undoing so far back is rarer than its price on every remote key. */
const DEPTH = 200

interface WithData {
  _data: SingleModelEditStackData | ArrayBuffer
}

/** Raw text: a carriage return is a character like any other, as VS Code's offsets count it. */
const rawText = (text: string): Text => Text.of(text.split('\n'))

/** What the stack needs to know of a model before a remote change is applied; null where there is nothing to keep valid. */
export function rememberUndo(undo: IUndoRedoService, model: ITextModel): Text | null {
  const { past, future } = undo.getElements(model.uri)
  return past.length + future.length > 0 ? rawText(model.getValue()) : null
}

/** Maps the stack over the change that turned `before` (from rememberUndo) into the model's present text. */
export function mapUndo(undo: IUndoRedoService, model: ITextModel, before: Text, edits: { from: number; to: number; insert: string }[]): void {
  const change = ChangeSet.of(edits.map((edit) => ({ ...edit, insert: rawText(edit.insert) })), before.length, '\n')
  const { past, future } = undo.getElements(model.uri)
  try {
    const own = (elements: readonly unknown[]): WithData[] => elements.flatMap((element) => elementOf(element, model) ?? [])
    walk(own(past).slice(-DEPTH).reverse(), true, before, change)
    walk(own(future).reverse(), false, before, change)
  } catch (error) {
    // A stack that does not fit would put text in wrong places: better none.
    console.warn('undo stack dropped', error)
    undo.removeElements(model.uri)
  }
}

function elementOf(element: unknown, model: ITextModel): WithData | null {
  if (element instanceof SingleModelEditStackElement) return element as unknown as WithData
  if (!(element instanceof MultiModelEditStackElement)) return null
  const inner = (element as unknown as { _editStackElementsMap: Map<string, unknown> })._editStackElementsMap
  return (inner.get(model.uri.toString()) as WithData | undefined) ?? null
}

/** Goes from the newest element away from the present, taking the change along through each one. */
function walk(elements: WithData[], backwards: boolean, before: Text, change: ChangeSet): void {
  let [text, remote] = [before, change]
  let shown = change.apply(before)
  for (const element of elements) {
    const data = element._data instanceof SingleModelEditStackData ? element._data : SingleModelEditStackData.deserialize(element._data)
    const specs = data.changes.map((each) =>
      backwards
        ? { from: each.newPosition, to: each.newEnd, insert: rawText(each.oldText) }
        : { from: each.oldPosition, to: each.oldEnd, insert: rawText(each.newText) },
    )
    const step = ChangeSet.of(specs, text.length, '\n')
    const mapped = step.map(remote)
    const [nextText, nextRemote, nextShown] = [step.apply(text), remote.map(step, true), mapped.apply(shown)]
    const [older, newer] = [
      { text: nextText, remote: nextRemote, shown: nextShown },
      { text, remote, shown },
    ]
    const [start, end] = backwards ? [older, newer] : [newer, older]
    element._data = new SingleModelEditStackData(
      data.beforeVersionId, data.afterVersionId, data.beforeEOL, data.afterEOL,
      mapSelections(data.beforeCursorState, start), mapSelections(data.afterCursorState, end), textChanges(mapped, shown, backwards),
    ).serialize()
    ;[text, remote, shown] = [nextText, nextRemote, nextShown]
  }
}

function textChanges(step: ChangeSet, text: Text, backwards: boolean): TextChange[] {
  const changes: TextChange[] = []
  step.iterChanges((from, to, newFrom, _newTo, inserted) => {
    const [gone, come] = [text.sliceString(from, to), inserted.toString()]
    changes.push(backwards ? new TextChange(newFrom, come, from, gone) : new TextChange(from, gone, newFrom, come))
  }, true)
  return changes
}

function mapSelections(selections: Selection[] | null, at: { text: Text; remote: ChangeSet; shown: Text }): Selection[] {
  return (selections ?? []).map((selection) => {
    const map = (lineNumber: number, column: number): number => {
      const line = at.text.line(Math.min(lineNumber, at.text.lines))
      return at.remote.mapPos(Math.min(line.from + column - 1, line.to), -1)
    }
    const anchor = map(selection.selectionStartLineNumber, selection.selectionStartColumn)
    return toSelection(at.shown, anchor, map(selection.positionLineNumber, selection.positionColumn))
  })
}
