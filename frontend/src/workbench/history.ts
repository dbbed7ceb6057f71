/**
 * The «History» view of the explorer: the workspace's timeline, of the open file or of everything, each entry against what
 * was before it in VS Code's diff editor, and «restore this revision». A lazy chunk, loaded by `workbench` after the first
 * paint. Everything is read from the server's log (rules H1–H4); nothing is kept here.
 */
import type * as vscode from 'vscode'
import { type Entry, type EntryFile, type HistoryApi, type LiveVersion, describe, interval } from './history-api'
import { VIEW } from './history-contributions'
import { HISTORY, toPath, toUri } from './space'

export interface HistoryParts {
  api: HistoryApi
  /** The file id of a path, now. */
  fileAt(path: string): string | undefined
  pathOf(file: string): string | undefined
  canWrite(): boolean
  /** Calls back after the workspace or what is live has changed. */
  onChanged(call: () => void): void
}

type Node =
  | { kind: 'entry'; entry: Entry }
  | { kind: 'file'; entry: Entry; file: EntryFile }
  | { kind: 'lives'; versions: LiveVersion[] }
  | { kind: 'live'; version: LiveVersion }
  | { kind: 'more' }
  | { kind: 'note'; text: string }

/** Milliseconds of quiet before the view is read again. */
const SETTLE = 1500

export function showHistory(api: typeof vscode, parts: HistoryParts): void {
  new History(api, parts)
}

class History implements vscode.TreeDataProvider<Node>, vscode.TextDocumentContentProvider {
  private readonly changed: vscode.EventEmitter<void>
  readonly onDidChangeTreeData: vscode.Event<void>
  private readonly view: vscode.TreeView<Node>
  private all = false
  /** The file whose history is shown, where it is not everything's. */
  private file: string | null = null
  private pages: Entry[] = []
  private next: number | null = null
  private fresh = false
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly vscode: typeof import('vscode'), private readonly parts: HistoryParts) {
    this.changed = new vscode.EventEmitter()
    this.onDidChangeTreeData = this.changed.event
    this.view = vscode.window.createTreeView(VIEW, { treeDataProvider: this })
    vscode.workspace.registerTextDocumentContentProvider(HISTORY, this)
    vscode.window.onDidChangeActiveTextEditor((editor) => this.opened(editor))
    this.view.onDidChangeVisibility(() => this.view.visible && this.reload())
    parts.onChanged(() => this.soon())
    const commands: Record<string, (node: Node) => unknown> = {
      all: () => this.scope(true),
      file: () => this.scope(false),
      refresh: () => this.reload(),
      more: () => this.more(),
      open: (node) => this.open(node),
      compare: (node) => this.compare(node),
      restore: (node) => this.restore(node),
      restoreAll: (node) => this.restore(node),
    }
    for (const [name, act] of Object.entries(commands)) vscode.commands.registerCommand(`${VIEW}.${name}`, act)
    this.scope(false)
    this.opened(vscode.window.activeTextEditor)
  }

  // --- what is shown

  getTreeItem(node: Node): vscode.TreeItem {
    const { TreeItem, TreeItemCollapsibleState: State, ThemeIcon, ThemeColor } = this.vscode
    if (node.kind === 'note') return new TreeItem(node.text)
    if (node.kind === 'more') return { ...new TreeItem('Show older changes'), command: { command: `${VIEW}.more`, title: '' } }
    if (node.kind === 'lives') return { ...new TreeItem('What was live when', State.Collapsed), iconPath: new ThemeIcon('globe') }
    const live = new ThemeColor('testing.iconPassed')
    if (node.kind === 'live') {
      const { version } = node
      return {
        ...new TreeItem(`v${version.version}${version.message ? `: ${version.message}` : ''}`),
        description: `${interval(version.at, version.until)} · ${version.by.name}`,
        iconPath: new ThemeIcon('circle-filled', version.until === null ? live : undefined),
        contextValue: 'comparable',
        command: { command: `${VIEW}.compare`, title: '', arguments: [node] },
      }
    }
    const { entry } = node
    if (node.kind === 'file') {
      const { file } = node
      return {
        ...new TreeItem(file.path),
        description: describe(file),
        contextValue: file.change === 'deleted' ? 'file' : 'file restorable comparable',
        command: { command: `${VIEW}.open`, title: '', arguments: [node] },
      }
    }
    const words = [entry.live === null ? '' : `v${entry.live} live`, entry.restored === null ? '' : `restored revision ${entry.restored}`]
    const one = this.all ? null : entry.files.find((file) => file.id === this.file)
    return {
      ...new TreeItem(`${interval(entry.at, undefined)} · ${entry.by.name}`, this.all ? State.Collapsed : State.None),
      description: [...words, one ? describe(one) : entry.files.map((file) => file.path).join(', ')].filter(Boolean).join(' · '),
      tooltip: `Revisions ${entry.since + 1} to ${entry.revision}`,
      iconPath: entry.live === null ? new ThemeIcon(entry.restored === null ? 'edit' : 'discard') : new ThemeIcon('circle-filled', live),
      contextValue: this.all ? 'entry' : 'restorable comparable',
      ...(this.all ? {} : { command: { command: `${VIEW}.open`, title: '', arguments: [node] } }),
    }
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node?.kind === 'entry') return node.entry.files.map((file) => ({ kind: 'file', entry: node.entry, file }))
    if (node?.kind === 'lives') return node.versions.map((version) => ({ kind: 'live', version }))
    if (node) return []
    if (!this.all && this.file === null) return [{ kind: 'note', text: 'Open a file to see its history.' }]
    try {
      if (!this.fresh) await this.read(undefined)
      const versions = this.all ? await this.parts.api.live() : []
      return [
        ...(versions.length > 0 ? [{ kind: 'lives', versions } as Node] : []),
        ...this.pages.map((entry): Node => ({ kind: 'entry', entry })),
        ...(this.next === null ? [] : [{ kind: 'more' } as Node]),
      ]
    } catch (error) {
      return [{ kind: 'note', text: (error as Error).message }]
    }
  }

  private async read(before: number | undefined): Promise<void> {
    const page = await this.parts.api.page(before, this.all ? null : this.file)
    this.pages = before === undefined ? page.entries : [...this.pages, ...page.entries]
    this.next = page.next
    this.fresh = true
  }

  private scope(all: boolean): void {
    this.all = all
    void this.vscode.commands.executeCommand('setContext', `${VIEW}.scope`, all ? 'all' : 'file')
    this.title()
    this.reload()
  }

  private title(): void {
    this.view.description = this.all ? 'all files' : (this.file && this.parts.pathOf(this.file)?.split('/').pop()) || ''
  }

  private opened(editor: vscode.TextEditor | undefined): void {
    const path = editor && toPath(editor.document.uri as never)
    const file = path ? this.parts.fileAt(path) : undefined
    if (file === undefined || file === this.file) return
    this.file = file
    if (this.all) return
    this.title()
    this.reload()
  }

  private soon(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.view.visible && this.reload(), SETTLE)
  }

  private reload(): void {
    void this.vscode.commands.executeCommand('setContext', `${VIEW}.writable`, this.parts.canWrite())
    this.fresh = false
    this.changed.fire()
  }

  private async more(): Promise<void> {
    if (this.next !== null) await this.read(this.next)
    this.changed.fire()
  }

  // --- what is done

  /** The text of a file at a revision, for the diff editor; '' where it was not there. */
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const { revision, file } = JSON.parse(uri.query) as { revision: number; file: string }
    return revision < 0 ? '' : ((await this.parts.api.text(revision, file)) ?? '')
  }

  /** A file as it was; a revision below 0 stands for «not there». */
  private then(path: string, revision: number, file: string): vscode.Uri {
    return this.vscode.Uri.from({ scheme: HISTORY, path: `/${path}`, query: JSON.stringify({ revision, file }) })
  }

  private meant(node: Node): { id: string; path: string; was: string; revision: number; before: number } | null {
    if (node.kind !== 'entry' && node.kind !== 'file') return null
    const file = node.kind === 'file' ? node.file : node.entry.files.find((each) => each.id === this.file)
    if (!file) return null
    const { revision, since } = node.entry
    return { id: file.id, path: file.path, was: file.was ?? file.path, revision: file.change === 'deleted' ? -1 : revision, before: file.change === 'created' ? -1 : since }
  }

  private async open(node: Node): Promise<void> {
    const file = this.meant(node)
    if (!file) return
    const name = file.path.split('/').pop()!
    const { revision, since } = (node as { entry: Entry }).entry
    await this.diff(this.then(file.was, file.before, file.id), this.then(file.path, file.revision, file.id), `${name} (revision ${since} ↔ ${revision})`)
  }

  private async compare(node: Node): Promise<void> {
    if (node.kind === 'live') return this.compareLive(node.version)
    const file = this.meant(node)
    const now = file && this.parts.pathOf(file.id)
    if (!file || !now) return void this.vscode.window.showInformationMessage('This file is not in the worker any more. Restoring brings it back.')
    await this.diff(this.then(file.path, file.revision, file.id), this.now(now), `${now.split('/').pop()} (revision ${file.revision} ↔ now)`)
  }

  private async compareLive({ version, revision }: LiveVersion): Promise<void> {
    const path = this.file === null ? undefined : this.parts.pathOf(this.file)
    if (!path || this.file === null) return void this.vscode.window.showInformationMessage('Open the file that you want to compare.')
    await this.diff(this.then(path, revision, this.file), this.now(path), `${path.split('/').pop()} (v${version} ↔ now)`)
  }

  private now(path: string): vscode.Uri {
    return this.vscode.Uri.file(toUri(path).path)
  }

  private async diff(left: vscode.Uri, right: vscode.Uri, title: string): Promise<void> {
    await this.vscode.commands.executeCommand('vscode.diff', left, right, title, { preview: true })
  }

  /** Makes one file, or everything, what it was: an ordinary operation, which can be taken back in the same way. */
  private async restore(node: Node): Promise<void> {
    if (node.kind !== 'entry' && node.kind !== 'file') return
    const file = node.kind === 'entry' && this.all ? null : this.meant(node)
    const what = file === null ? 'All files are' : `${file.path} is`
    const { window } = this.vscode
    try {
      const done = await this.parts.api.restore(node.entry.revision, file?.id ?? null)
      if (done.changed === 0) return void window.showInformationMessage(`${what} as at revision ${node.entry.revision} already.`)
      const undo = await window.showInformationMessage(`${what} as at revision ${node.entry.revision}.`, 'Undo')
      if (undo === 'Undo') await this.parts.api.restore(done.revision - 1, file?.id ?? null)
    } catch (error) {
      void window.showErrorMessage((error as Error).message)
    }
  }
}
