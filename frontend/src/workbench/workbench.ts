/**
 * Builds the VS Code workbench over the replica and keeps it there: its one entry is `start`, called by `boot` once the
 * first snapshot is here. Everything that VS Code weighs is imported from this chunk.
 */
import { ICommandService, IEditorService, ILanguageFeaturesService, IMarkerService, getService, initialize } from '@codingame/monaco-vscode-api'
import { getUserConfiguration, initUserConfiguration, updateUserConfiguration } from '@codingame/monaco-vscode-configuration-service-override'
import type { RegisterLocalProcessExtensionResult } from '@codingame/monaco-vscode-api/extensions'
import { registerFileSystemOverlay } from '@codingame/monaco-vscode-files-service-override'
import { runWhenGlobalIdle } from '@codingame/monaco-vscode-api/vscode/vs/base/common/async'
import { isCancellationError } from '@codingame/monaco-vscode-api/vscode/vs/base/common/errors'
import { ColorScheme } from '@codingame/monaco-vscode-api/vscode/vs/platform/theme/common/theme'
import { getCodeEditor } from '@codingame/monaco-vscode-api/vscode/vs/editor/browser/editorBrowser'
import type { SyncClient } from '../sync/client'
import { hideAbsent, hideAbsentSettings } from './absent'
import { takeArchives } from './archives'
import { Binding } from './binding'
import { registerCommands } from './commands'
import { keepCompiled } from './compiled'
import { Contents } from './contents'
import { Cursors } from './cursors'
import { EarlyKeys } from './early'
import { WorkerFileSystem } from './filesystem'
import { showImages } from './images'
import { Later, once } from './later'
import type { Link } from './link'
import { registerLanguages } from './languages/extension'
import { mainModule } from './main-module'
import { showProblems } from './problems'
import type { Relay } from './relay'
import { overrides } from './services'
import { continueSession } from './session'
import { THEMES, type Theme, settings } from './settings'
import { nameRoot, toUri } from './space'
import { TreeView } from './treeview'
import { provideWorkers } from './web-workers'
import { correctSentences } from './wording'

/** Milliseconds that extensions wait for the first colours at most, and as many more while the page is busy. */
const EXTENSIONS_WAIT = 2000

/** The one setting that the host page changes, in the text of the settings file. */
const THEME_SETTING = /"workbench\.colorTheme"\s*:\s*"[^"]*"/

export interface Start {
  link: Link
  client: SyncClient
  relay: Relay
  theme: Theme
  open: { path: string; line: number } | null
}

/**
 * What VS Code has cancelled itself (a hover that closes) is no error. Its `Workbench.registerErrorHandler` says so too, and the
 * packaged workbench overrides that with nothing.
 */
function forgiveCancelled(): void {
  addEventListener('unhandledrejection', (event) => {
    if (isCancellationError(event.reason)) event.preventDefault()
  })
}

export async function start({ link, client, relay, theme, open }: Start): Promise<void> {
  nameRoot(client.worker)
  const files = new WorkerFileSystem(client, new Contents(link, () => client.worker))
  const container = document.getElementById('workbench')!
  forgiveCancelled()
  correctSentences()
  hideAbsent()
  provideWorkers()
  registerLanguages()
  const extension = registerCommands(link, { run: () => client.run() })
  registerFileSystemOverlay(1, files)
  await initUserConfiguration(settings(theme))
  const first = open?.path ?? firstFile(client)
  await initialize(overrides(), container, {
    workspaceProvider: { trusted: true, workspace: { folderUri: toUri('') }, open: async () => false },
    enableWorkspaceTrust: false,
    productConfiguration: { nameShort: 'Quick Edit', nameLong: 'Quick Edit', extensionsGallery: undefined },
    defaultLayout: { editors: first ? [{ uri: toUri(first), viewColumn: 1 }] : [] },
    initialColorTheme: { themeType: theme === 'dark' ? ColorScheme.DARK : ColorScheme.LIGHT },
    windowIndicator: { label: 'Quick Edit', tooltip: '', command: '' },
  })
  performance.mark('quickedit:initialized')
  showImages(files)
  const binding = await Binding.create(client, files)
  const tree = await TreeView.create(client, files, binding)
  const [editors, commands, markers] = await Promise.all([getService(IEditorService), getService(ICommandService), getService(IMarkerService)])
  const reveal = (path: string, line: number, focus: boolean): void => {
    if (!files.files.has(path)) return
    const selection = { startLineNumber: line, startColumn: 1 }
    void editors.openEditor({ resource: toUri(path), options: { selection, pinned: true, preserveFocus: !focus } })
  }
  const cursors = await Cursors.create({
    client,
    files,
    reveal: async (path) => {
      const pane = await editors.openEditor({ resource: toUri(path), options: { preserveFocus: true } })
      return getCodeEditor(pane?.getControl())
    },
    people: (people, following) => link.send({ t: 'people', people, following }),
  })
  link.on('follow', (frame) => cursors.follow(frame.client ?? null))
  const setAside = (path: string, text: string): void =>
    void editors.openEditor({ resource: undefined, contents: text, label: `${path} (not saved)`, options: { pinned: true } })
  link.on('aside', (frame) => setAside(frame.path, frame.text))
  relay.shows = {
    onTree: (changes) => tree.onTree(changes),
    onText: (change) => binding.onText(change),
    onSetAside: setAside,
  }
  const keys = new EarlyKeys(await getService(ILanguageFeaturesService))
  const coloured = binding.firstColours(EXTENSIONS_WAIT)
  await continueSession({ width: container.clientWidth, first, exists: (path) => files.files.has(path), coloured })
  void coloured.then(hideAbsentSettings)
  if (open) reveal(open.path, open.line, false)
  painted(container, link)
  showProblems(markers, link)
  const extensions = startExtensions({ link, client, files, extension, keys, coloured })
  takeArchives(container, link, client.worker, extensions)
  // One after the other: two writes of the settings at once may end in the wrong order.
  let themed = Promise.resolve()
  link.on('theme', (frame) => void (themed = themed.then(() => setTheme(frame.theme)).catch(console.error)))
  client.onRole = () => files.roleChanged()
  link.on('open', (frame) => reveal(frame.path, frame.line, frame.focus ?? true))
  link.on('focus', () => void commands.executeCommand('workbench.action.focusActiveEditorGroup'))
}

interface Extensions {
  link: Link
  client: SyncClient
  files: WorkerFileSystem
  extension: RegisterLocalProcessExtensionResult
  keys: EarlyKeys
  coloured: Promise<void>
}

/**
 * Begins, once the first file is coloured, with what runs extensions and with those that do most: all of it weighs on the main thread.
 * Whoever asks for the API earlier has it begin at once.
 */
function startExtensions({ link, client, files, extension, keys, coloured }: Extensions): () => Promise<typeof import('vscode')> {
  const later = new Later(link)
  const extensions = once(async () => (await import('./extension-host')).startExtensionHost(extension))
  const startLanguage = async (): Promise<void> => {
    await extensions()
    const { connectLanguage } = await import('./language')
    connectLanguage(link, keys, (error) => {
      keys.giveUp()
      later.unavailable('Completion', error)
    })
  }
  const startHistory = async (): Promise<void> => {
    const [vscode, { showHistory }, { HistoryApi }] = await Promise.all([extensions(), import('./history'), import('./history-api')])
    showHistory(vscode, {
      api: new HistoryApi(link, client.worker),
      fileAt: (path) => files.files.get(path),
      pathOf: (file) => files.pathOf(file),
      canWrite: () => client.canWrite,
      onChanged: (call) => (link.on('committed', call), link.on('deployed', call)),
    })
  }
  const startBoth = async (): Promise<void> => {
    if (!(await later.start('Completion', startLanguage))) keys.giveUp()
    await later.start('The history', startHistory)
    if (await keepCompiled()) link.send({ t: 'compiled' })
  }
  void coloured.then(() => runWhenGlobalIdle(() => void startBoth(), EXTENSIONS_WAIT))
  return extensions
}

function firstFile(client: SyncClient): string | null {
  const { replica } = client
  return mainModule({
    paths: () => [...replica.visible.files.values()].map((file) => file.path),
    read: (path) => {
      const file = replica.visible.fileAt(path)
      return file && replica.text(file.id)?.toString()
    },
  })
}

async function setTheme(theme: Theme): Promise<void> {
  document.documentElement.dataset.theme = theme
  // One setting, not all of them: the others may be the person's own by now. It is written into the file's text, because the
  // configuration service's own update never reaches the file in this workbench.
  const before = await getUserConfiguration()
  const chosen = `"workbench.colorTheme": ${JSON.stringify(THEMES[theme])}`
  await updateUserConfiguration(THEME_SETTING.test(before) ? before.replace(THEME_SETTING, chosen) : before.replace('{', `{ ${chosen},`))
}

/** Shows the workbench once it has drawn itself, and tells the host page. */
function painted(container: HTMLElement, link: Link): void {
  requestAnimationFrame(() => {
    container.dataset.painted = ''
    link.send({ t: 'booted', ms: Math.round(performance.now()) })
  })
}
