/**
 * Binds every open text model of the worker to its file in the replica, keeps VS Code from ever calling one dirty, and
 * carries undo and focus over a rename, which makes a new model. Made once by `workbench`.
 */
import {
  ICodeEditorService, IEditorGroupsService, IModelService, ITextFileService, IUndoRedoService, getService,
} from '@codingame/monaco-vscode-api'
import { DeferredPromise } from '@codingame/monaco-vscode-api/vscode/vs/base/common/async'
import type { ICodeEditor } from '@codingame/monaco-vscode-api/vscode/vs/editor/browser/editorBrowser'
import type { ITextModel } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model'
import type { TextModel } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model/textModel'
import { SingleModelEditStackElement } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model/editStack'
import type { SyncClient } from '../sync/client'
import { isWithin, moved } from '../sync/paths'
import type { TextChange } from '../sync/effects'
import type { Text } from '../sync/text'
import type { WorkerFileSystem } from './filesystem'
import { toPath, toUri } from './space'
import { View, type ViewParts } from './view'

/** Milliseconds within which a moved file's editor shows its new model. */
const MOVE_TIME = 3000

export class Binding {
  private readonly views = new Map<string, View>()
  private readonly coloured = new DeferredPromise<void>()
  private readonly stash = new Map<string, { text: Text; past: SingleModelEditStackElement[] }>()

  private constructor(
    private readonly client: SyncClient,
    private readonly files: WorkerFileSystem,
    private readonly parts: ViewParts,
    private readonly editors: () => readonly ICodeEditor[],
  ) {
    files.isLive = (file) => this.views.has(file)
    files.onWillMove = (from, to) => this.beforeMove(from, to)
  }

  static async create(client: SyncClient, files: WorkerFileSystem): Promise<Binding> {
    const [models, textFiles, undo, codeEditors, groups] = await Promise.all([
      getService(IModelService), getService(ITextFileService), getService(IUndoRedoService), getService(ICodeEditorService), getService(IEditorGroupsService),
    ])
    const editors = (): readonly ICodeEditor[] => codeEditors.listCodeEditors()
    const binding = new Binding(client, files, {
      client,
      undo,
      editorsOf: (model) => editors().filter((editor) => editor.getModel() === model),
      // Never dirty, so VS Code would never keep a preview tab, and the next file opened would take its place.
      onFirstEdit: (model) => groups.groups.forEach((group) => group.findEditors(model.uri).forEach((editor) => group.pinEditor(editor))),
    }, editors)
    textFiles.files.models.forEach(neverDirty)
    textFiles.files.onDidCreate(neverDirty)
    models.getModels().forEach((model) => binding.attach(model))
    models.onModelAdded((model) => binding.attach(model))
    codeEditors.listCodeEditors().forEach((editor) => binding.watchComposition(editor))
    codeEditors.onCodeEditorAdd((editor) => binding.watchComposition(editor))
    return binding
  }

  /** A change of somebody else's, already in the replica. */
  onText({ file, changes, before }: TextChange): void {
    this.views.get(file)?.applyRemote(changes, before)
    this.files.touch(file)
  }

  /** Line ends or the byte order mark of a file changed. */
  onAttributes(file: string): void {
    this.views.get(file)?.reconcile()
    this.files.touch(file)
  }

  /** Settles when a file that is open has its colours, or after `ms`. */
  firstColours(ms: number): Promise<void> {
    return Promise.race([this.coloured.p, new Promise<void>((resolve) => setTimeout(resolve, ms))])
  }

  private attach(model: ITextModel): void {
    const path = toPath(model.uri)
    const file = path === null ? undefined : this.files.files.get(path)
    if (file === undefined || this.views.get(file)?.model === model) return
    const view = new View(this.parts, file, model, () => {
      if (this.views.get(file) === view) this.views.delete(file)
    })
    this.views.set(file, view)
    // In the class, not in the public type.
    const watch = (model as TextModel).onDidChangeTokens(() => {
      watch.dispose()
      void this.coloured.complete()
    })
    this.restoreUndo(file, model)
  }

  private watchComposition(editor: ICodeEditor): void {
    const release = (): void => void setTimeout(() => this.client.release(), 0)
    editor.onDidCompositionStart(() => this.client.hold())
    editor.onDidCompositionEnd(release)
    editor.onDidBlurEditorText(release)
  }

  private beforeMove(from: string, to: string): void {
    for (const [path, file] of this.files.files) {
      if (!isWithin(path, from)) continue
      const past = this.parts.undo.getElements(toUri(path)).past.filter((element) => element instanceof SingleModelEditStackElement)
      const text = this.client.replica.text(file)
      if (text && past.length > 0) this.stash.set(file, { text, past })
    }
    this.keepFocus(from, to)
  }

  /** VS Code opens the moved file without focus: whoever was typing in it must go on typing. */
  private keepFocus(from: string, to: string): void {
    const focused = this.editors().find((editor) => {
      const path = editor.hasTextFocus() && editor.getModel() ? toPath(editor.getModel()!.uri) : null
      return path !== null && isWithin(path, from)
    })
    if (!focused) return
    const target = toUri(moved(toPath(focused.getModel()!.uri)!, from, to)).toString()
    const watch = focused.onDidChangeModel(() => {
      if (focused.getModel()?.uri.toString() !== target) return
      focused.focus()
      watch.dispose()
    })
    setTimeout(() => watch.dispose(), MOVE_TIME)
  }

  private restoreUndo(file: string, model: ITextModel): void {
    const stashed = this.stash.get(file)
    this.stash.delete(file)
    if (!stashed || !this.client.replica.text(file)?.eq(stashed.text)) return
    for (const element of stashed.past) {
      element.setModel(model)
      this.parts.undo.pushElement(element)
    }
  }
}

/** The replica is the file: a model that shows it is never ahead of it. The flag is private to VS Code 1.128.1. */
function neverDirty(model: object): void {
  Object.defineProperty(model, 'ignoreDirtyOnModelContentChange', { get: () => true, set: () => undefined, configurable: true })
}
