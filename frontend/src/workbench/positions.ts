/** Positions between VS Code (lines and columns from 1) and ropes (UTF-16 offsets of LF text). Pure; used by `view` and `undo`. */
import { Selection } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/core/selection'
import type { ChangeSet, Text } from '../sync/text'

export interface Position {
  lineNumber: number
  column: number
}

export function toPosition(text: Text, offset: number): Position {
  const line = text.lineAt(offset)
  return { lineNumber: line.number, column: offset - line.from + 1 }
}

/** The offset of a position, brought into the text where it lies outside. */
export function toOffset(text: Text, { lineNumber, column }: Position): number {
  const line = text.line(Math.min(lineNumber, text.lines))
  return Math.min(line.from + column - 1, line.to)
}

/** Both ends of a selection as offsets: where it was begun, and where the caret is. */
export function ends(text: Text, selection: Selection): [number, number] {
  const anchor = { lineNumber: selection.selectionStartLineNumber, column: selection.selectionStartColumn }
  return [toOffset(text, anchor), toOffset(text, { lineNumber: selection.positionLineNumber, column: selection.positionColumn })]
}

export function toSelection(text: Text, anchor: number, head: number): Selection {
  const [a, h] = [toPosition(text, anchor), toPosition(text, head)]
  return new Selection(a.lineNumber, a.column, h.lineNumber, h.column)
}

/**
 * A selection after somebody else's change: a caret stays left of text inserted where it stands, and a selection never
 * grows over it.
 */
export function mapSelection(selection: Selection, before: Text, changes: ChangeSet, after: Text): Selection {
  const [anchor, head] = ends(before, selection)
  const sides = anchor === head ? [-1, -1] : anchor < head ? [1, -1] : [-1, 1]
  return toSelection(after, changes.mapPos(anchor, sides[0]), changes.mapPos(head, sides[1]))
}
