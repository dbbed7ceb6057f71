/**
 * What a person had open comes back the next time in this browser: VS Code keeps the tabs, the groups, the panels and the place in
 * each text. Here is what it does not see to: it keeps them only after five seconds of rest, brings back tabs that have nothing to
 * show any more, and takes a side bar for closed that a narrow window had no room for. Used by `workbench` once VS Code is there.
 */
import {
  ICodeEditorService, IEditorGroupsService, IEditorService, ILifecycleService, IStorageService, IWorkbenchLayoutService, getService,
} from '@codingame/monaco-vscode-api'
import type { IEditorGroup } from '@codingame/monaco-vscode-api/services'
import { RunOnceScheduler } from '@codingame/monaco-vscode-api/vscode/vs/base/common/async'
import type { ICodeEditor } from '@codingame/monaco-vscode-api/vscode/vs/editor/browser/editorBrowser'
import { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'
import { StorageScope, StorageTarget } from '@codingame/monaco-vscode-api/vscode/vs/platform/storage/common/storage'
import { EditorResourceAccessor, SideBySideEditor } from '@codingame/monaco-vscode-api/vscode/vs/workbench/common/editor'
import { Parts } from '@codingame/monaco-vscode-api/vscode/vs/workbench/services/layout/browser/layoutService'
import { LifecyclePhase } from '@codingame/monaco-vscode-api/vscode/vs/workbench/services/lifecycle/common/lifecycle'
import { LATE_SCHEMES, toPath, toUri } from './space'

/** Pixels of width under which the side bar would leave too little for the text. */
const NARROW = 600
/** Milliseconds after a change of what is open, or of a place in it, until it is kept: a person may load the page again right away. */
const SOON = 300
/** Under it is kept that the side bar is closed for want of room. */
const CLOSED = 'quickedit.sideBarClosed'

export interface Session {
  /** The width of the window, in pixels. */
  width: number
  /** What to open where nothing is. */
  first: string | null
  exists: (path: string) => boolean
  /** The first file has its colours: until then nothing that can wait takes the browser's time. */
  coloured: Promise<void>
}

export async function continueSession({ width, first, exists, coloured }: Session): Promise<void> {
  const [editors, groups, storage, layout, lifecycle, texts] = await Promise.all([
    getService(IEditorService), getService(IEditorGroupsService), getService(IStorageService), getService(IWorkbenchLayoutService),
    getService(ILifecycleService), getService(ICodeEditorService),
  ])
  await groups.whenReady
  await Promise.all(groups.groups.map((group) => closeGone(group, exists)))
  fitSideBar(layout, storage, width < NARROW)
  void lifecycle.when(LifecyclePhase.Restored).then(() => {
    if (first !== null && groups.groups.every((group) => group.isEmpty)) void editors.openEditor({ resource: toUri(first) })
  })
  void coloured.then(() => {
    const keeping = new RunOnceScheduler(() => void storage.flush(), SOON)
    const keep = (): void => keeping.schedule()
    for (const changed of [editors.onDidEditorsChange, editors.onDidActiveEditorChange, layout.onDidChangePartVisibility]) changed(keep)
    const keepPlace = (text: ICodeEditor): void => void text.onDidChangeCursorPosition(keep)
    texts.listCodeEditors().forEach(keepPlace)
    texts.onCodeEditorAdd(keepPlace)
    keep()
  })
}

async function closeGone(group: IEditorGroup, exists: Session['exists']): Promise<void> {
  const shows = (uri: URI | undefined): boolean => {
    if (uri === undefined) return true // not a text: the settings, say
    if (uri.scheme !== 'file') return !LATE_SCHEMES.has(uri.scheme)
    const path = toPath(uri)
    return path !== null && exists(path)
  }
  const gone = group.editors.filter((editor) => {
    const shown = EditorResourceAccessor.getOriginalUri(editor, { supportSideBySide: SideBySideEditor.BOTH })
    return URI.isUri(shown) ? !shows(shown) : !shows(shown?.primary) || !shows(shown?.secondary)
  })
  if (gone.length > 0) await group.closeEditors(gone, { preserveFocus: true })
}

/** Closes the side bar in a narrow window, and opens it in a wide one where it was closed for that alone. */
function fitSideBar(layout: IWorkbenchLayoutService, storage: IStorageService, narrow: boolean): void {
  if (narrow && layout.isVisible(Parts.SIDEBAR_PART)) {
    layout.setPartHidden(true, Parts.SIDEBAR_PART)
    storage.store(CLOSED, true, StorageScope.WORKSPACE, StorageTarget.MACHINE)
  } else if (!narrow && storage.getBoolean(CLOSED, StorageScope.WORKSPACE, false)) {
    storage.remove(CLOSED, StorageScope.WORKSPACE)
    layout.setPartHidden(false, Parts.SIDEBAR_PART)
  }
}
