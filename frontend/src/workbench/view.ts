/**
 * One open text model, bound to one file of the replica: keys go out as change sets as they are typed, other people's edits
 * come in without touching undo or carets. `binding` makes one for each model.
 */
import type { ICodeEditor } from '@codingame/monaco-vscode-api/vscode/vs/editor/browser/editorBrowser'
import { Range } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/core/range'
import { EndOfLinePreference, EndOfLineSequence, type ITextModel } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model'
import type { editor } from 'monaco-editor'
import type { IUndoRedoService } from '@codingame/monaco-vscode-api/vscode/vs/platform/undoRedo/common/undoRedo.service'
import type { SyncClient } from '../sync/client'
import { ChangeSet, type Text, compose, difference, toText } from '../sync/text'
import { mapSelection, toPosition } from './positions'
import { mapUndo, rememberUndo } from './undo'

export interface ViewParts {
  client: SyncClient
  undo: IUndoRedoService
  /** The editors that show a model now. */
  editorsOf(model: ITextModel): ICodeEditor[]
  /** The person began to edit here. */
  onFirstEdit(model: ITextModel): void
}

export class View {
  /** While a change from outside is being applied: it must not go out again. */
  private applying = false
  private edited = false

  constructor(private readonly parts: ViewParts, readonly file: string, readonly model: ITextModel, onDispose: () => void) {
    this.reconcile()
    const content = model.onDidChangeContent((event) => this.onContent(event))
    const gone = model.onWillDispose(() => {
      content.dispose()
      gone.dispose()
      onDispose()
    })
  }

  /** Brings the model to what the replica holds, text and line ends. */
  reconcile(): void {
    const { replica } = this.parts.client
    const [text, entry] = [replica.text(this.file), replica.visible.files.get(this.file)]
    if (!text || !entry) return
    const shown = toText(this.model.getValue(EndOfLinePreference.LF))
    const changes = difference(shown, text.toString())
    if (changes) this.applyRemote(changes, shown)
    const eol = entry.eol === 'crlf' ? '\r\n' : '\n'
    if (this.model.getEOL() === eol) return
    this.quietly(() => this.model.setEOL(eol === '\r\n' ? EndOfLineSequence.CRLF : EndOfLineSequence.LF))
    this.parts.undo.removeElements(this.model.uri)
  }

  /** Applies another person's change; `before` is the text it was made for, which the model shows now. */
  applyRemote(changes: ChangeSet, before: Text): void {
    const { model, parts } = this
    const edits: { range: Range; text: string }[] = []
    const raw: { from: number; to: number; insert: string }[] = []
    const eol = model.getEOL()
    changes.iterChanges((from, to, _newFrom, _newTo, inserted) => {
      const [start, end] = [toPosition(before, from), toPosition(before, to)]
      const text = inserted.sliceString(0, inserted.length, eol)
      edits.push({ range: Range.fromPositions(start, end), text })
      raw.push({ from: model.getOffsetAt(start), to: model.getOffsetAt(end), insert: text })
    }, true)
    const editors = parts.editorsOf(model)
    const selections = editors.map((editor) => editor.getSelections() ?? [])
    const remembered = rememberUndo(parts.undo, model)
    // applyEdits, not pushEditOperations: the latter would let one person's Ctrl+Z undo another's text.
    this.quietly(() => model.applyEdits(edits))
    if (remembered) mapUndo(parts.undo, model, remembered, raw)
    const after = changes.apply(before)
    editors.forEach((editor, index) => {
      const wanted = selections[index]!.map((selection) => mapSelection(selection, before, changes, after))
      const now = editor.getSelections() ?? []
      if (wanted.some((selection, at) => !now[at] || !selection.equalsSelection(now[at]))) editor.setSelections(wanted, 'sync')
    })
  }

  private quietly(act: () => void): void {
    this.applying = true
    try {
      act()
    } finally {
      this.applying = false
    }
  }

  private onContent(event: editor.IModelContentChangedEvent): void {
    if (this.applying) return
    const { client, undo } = this.parts
    // The editor is read-only then; what comes here all the same is a command's doing, and is taken back.
    if (!client.canWrite) return queueMicrotask(() => this.reconcile())
    if (!this.edited) {
      this.edited = true
      this.parts.onFirstEdit(this.model)
    }
    // Offsets in the undo stack are in the old line ends.
    if (event.isEolChange && !event.isUndoing && !event.isRedoing) queueMicrotask(() => undo.removeElements(this.model.uri))
    this.sendLineEnds()
    const text = client.replica.text(this.file)
    if (!text) return
    const changes = event.isFlush || event.isEolChange ? difference(text, this.model.getValue(EndOfLinePreference.LF)) : this.changesOf(event, text)
    if (!changes) return
    client.gather()
    client.edit(this.file, changes)
  }

  private sendLineEnds(): void {
    const entry = this.parts.client.replica.visible.files.get(this.file)
    const eol = this.model.getEOL() === '\r\n' ? 'crlf' : 'lf'
    if (entry && entry.eol !== eol) this.parts.client.setAttributes(this.file, eol, entry.bom)
  }

  /** An event's changes come last to first, each in the coordinates that the ones before it left. */
  private changesOf(event: editor.IModelContentChangedEvent, before: Text): ChangeSet | null {
    let [text, changes]: [Text, ChangeSet | null] = [before, null]
    for (const { range, text: inserted } of event.changes) {
      const from = text.line(range.startLineNumber).from + range.startColumn - 1
      const to = text.line(range.endLineNumber).from + range.endColumn - 1
      const one = ChangeSet.of({ from, to, insert: toText(inserted) }, text.length)
      text = one.apply(text)
      changes = compose(changes, one)
    }
    return changes
  }
}
