/**
 * The worker's files as VS Code's file services see them: what it reads is always what the replica holds, what it writes
 * becomes operations at once. It keeps its own list of paths, because the workbench learns of a colleague's rename a few
 * milliseconds after the replica does (`treeview` brings it up to date). Errors are of kind Unknown throughout: with any
 * other the overlay would fall through to a hidden in-memory file system and keep the file there, on this machine only.
 */
import { Emitter } from '@codingame/monaco-vscode-api/vscode/vs/base/common/event'
import { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'
import {
  FileChangeType, FilePermission, FileSystemProviderCapabilities, FileSystemProviderErrorCode, FileType, type IFileChange,
  type IFileDeleteOptions, type IFileOverwriteOptions, type IFileSystemProviderWithFileReadWriteCapability, type IFileWriteOptions,
  type IStat, createFileSystemProviderError,
} from '@codingame/monaco-vscode-api/vscode/vs/platform/files/common/files'
import { MAX_MODULE } from '../sync/admission'
import type { SyncClient } from '../sync/client'
import { ancestors, isWithin, moved, parentOf } from '../sync/paths'
import { difference, toLf } from '../sync/text'
import { type Contents, asText } from './contents'
import { toPath, toUri } from './space'

/** Milliseconds that a new file waits: answered at once, the Enter of the explorer's name box falls into the new editor. */
const SETTLE = 50
const encoder = new TextEncoder()
const MARK = '\ufeff'

const missing = (): Error => createFileSystemProviderError('There is no such file.', FileSystemProviderErrorCode.FileNotFound)
const failed = (message: string): Error => createFileSystemProviderError(message, FileSystemProviderErrorCode.Unknown)

export class WorkerFileSystem implements IFileSystemProviderWithFileReadWriteCapability {
  readonly capabilities = FileSystemProviderCapabilities.FileReadWrite | FileSystemProviderCapabilities.PathCaseSensitive
  private readonly capabilitiesChanged = new Emitter<void>()
  readonly onDidChangeCapabilities = this.capabilitiesChanged.event
  private readonly changed = new Emitter<readonly IFileChange[]>()
  readonly onDidChangeFile = this.changed.event

  /** Path → file id, as the workbench has been told. */
  readonly files = new Map<string, string>()
  readonly folders = new Set<string>([''])
  private readonly modified = new Map<string, number>()
  /** While the workbench is led through a colleague's change: moves here, and no operation goes out. */
  following = false
  /** Told before files move, so that undo and focus can be carried over. */
  onWillMove: (from: string, to: string) => void = () => {}
  /** Whether an open text model stands for this file; it is the newest copy then. */
  isLive: (file: string) => boolean = () => false

  constructor(private readonly client: SyncClient, private readonly contents: Contents) {
    const tree = client.replica.visible
    for (const folder of tree.folders) this.folders.add(folder)
    for (const file of tree.files.values()) this.files.set(file.path, file.id)
  }

  pathOf(file: string): string | undefined {
    for (const [path, id] of this.files) if (id === file) return path
    return undefined
  }

  fire(type: FileChangeType, ...paths: string[]): void {
    this.changed.fire(paths.map((path) => ({ type, resource: toUri(path) })))
  }

  /** Notes that a file's text changed, and tells the workbench where no open model shows it already. */
  touch(file: string): void {
    this.modified.set(file, Date.now())
    const path = this.pathOf(file)
    if (path !== undefined && !this.isLive(file)) this.fire(FileChangeType.UPDATED, path)
  }

  /** Whether files can be written has changed: the workbench asks for each of them again. */
  roleChanged(): void {
    for (const file of this.files.values()) this.modified.set(file, Date.now())
    this.fire(FileChangeType.UPDATED, ...this.files.keys())
  }

  watch(): { dispose(): void } {
    return { dispose: () => undefined }
  }

  async stat(uri: URI): Promise<IStat> {
    const path = this.mine(uri)
    if (this.folders.has(path)) return { type: FileType.Directory, ctime: 0, mtime: 0, size: 0 }
    const file = this.files.get(path)
    if (file === undefined) throw missing()
    const permissions = this.client.canWrite ? undefined : FilePermission.Readonly
    // A file that a colleague deleted is still on the list while the workbench is being led through that.
    const entry = this.client.replica.visible.files.get(file)
    const size = entry?.digest ? entry.size : this.client.replica.text(file) ? this.bytes(file).length : 0
    return { type: FileType.File, ctime: 0, mtime: this.modified.get(file) ?? 0, size, permissions }
  }

  async readdir(uri: URI): Promise<[string, FileType][]> {
    const folder = this.mine(uri)
    if (!this.folders.has(folder)) throw missing()
    const name = (path: string): string => path.slice(folder ? folder.length + 1 : 0)
    const inside = (path: string): boolean => path !== folder && parentOf(path) === folder
    const files = [...this.files.keys()].filter(inside).map((path): [string, FileType] => [name(path), FileType.File])
    const folders = [...this.folders].filter(inside).map((path): [string, FileType] => [name(path), FileType.Directory])
    return [...folders, ...files]
  }

  async readFile(uri: URI): Promise<Uint8Array> {
    const file = this.known(this.mine(uri))
    const digest = this.client.replica.visible.files.get(file)?.digest
    if (!digest) return this.bytes(file)
    return this.contents.get(digest).catch((error: unknown) => {
      throw failed((error as Error).message)
    })
  }

  async writeFile(uri: URI, content: Uint8Array, options: IFileWriteOptions): Promise<void> {
    const path = this.mine(uri)
    const file = this.files.get(path)
    if (file === undefined && !options.create) throw missing()
    const raw = asText(content)
    const binary = file === undefined ? null : this.client.replica.visible.files.get(file)?.digest
    if (raw === null || binary) return this.writeBinary(path, content, binary ? file : undefined)
    const { text, eol, bom } = this.decode(content, raw)
    if (file === undefined) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE))
      this.allowed(() => this.addFile(path, this.client.create(path, text, { eol, bom })))
      return
    }
    const changes = this.isLive(file) ? null : difference(this.client.replica.text(file)!, text)
    if (!changes) return
    this.allowed(() => this.client.edit(file, changes))
    this.touch(file)
  }

  /** Uploads the content, then names it: as other content of `file`, or as a new file in the place of what is there. */
  private async writeBinary(path: string, content: Uint8Array, file: string | undefined): Promise<void> {
    if (content.length > MAX_MODULE) throw failed(`${path} is over 1 MiB.`)
    const size = content.length
    const digest = await this.contents.put(content).catch((error: unknown) => {
      throw failed((error as Error).message)
    })
    this.allowed(() => {
      if (file !== undefined) return this.client.setContent(file, digest, size)
      if (this.files.has(path)) {
        this.client.delete(path)
        this.remove(path)
      }
      this.addFile(path, this.client.create(path, '', { digest, size }))
    })
    if (file !== undefined) this.touch(file)
  }

  async mkdir(uri: URI): Promise<void> {
    const path = this.mine(uri)
    if (this.folders.has(path)) return
    this.allowed(() => this.client.createFolder(path))
    this.addFolder(path)
  }

  async delete(uri: URI, _options: IFileDeleteOptions): Promise<void> {
    const path = this.present(uri)
    if (!this.following) this.allowed(() => this.client.delete(path))
    this.remove(path)
    this.fire(FileChangeType.DELETED, path)
  }

  async rename(from: URI, to: URI, options: IFileOverwriteOptions): Promise<void> {
    const [old, path] = [this.present(from), this.mine(to)]
    if (!this.following) {
      if (options.overwrite && this.has(path)) {
        this.allowed(() => this.client.delete(path))
        this.remove(path)
      }
      this.allowed(() => this.client.rename(old, path))
    }
    this.onWillMove(old, path)
    this.move(old, path)
    this.changed.fire([
      { type: FileChangeType.DELETED, resource: from },
      { type: FileChangeType.ADDED, resource: to },
    ])
  }

  // --- the list of paths, for `treeview` too

  has(path: string): boolean {
    return this.files.has(path) || this.folders.has(path)
  }

  addFile(path: string, file: string): void {
    this.addParents(path)
    this.files.set(path, file)
    this.modified.set(file, Date.now())
    this.fire(FileChangeType.ADDED, path)
  }

  addFolder(path: string): void {
    this.addParents(path)
    if (this.folders.has(path)) return
    this.folders.add(path)
    this.fire(FileChangeType.ADDED, path)
  }

  remove(path: string): void {
    for (const file of [...this.files.keys()]) if (isWithin(file, path)) this.files.delete(file)
    for (const folder of [...this.folders]) if (isWithin(folder, path)) this.folders.delete(folder)
  }

  private move(from: string, to: string): void {
    this.addParents(to)
    for (const [path, file] of [...this.files]) {
      if (!isWithin(path, from)) continue
      this.files.delete(path)
      this.files.set(moved(path, from, to), file)
    }
    for (const folder of [...this.folders]) {
      if (!isWithin(folder, from)) continue
      this.folders.delete(folder)
      this.folders.add(moved(folder, from, to))
    }
  }

  private addParents(path: string): void {
    for (const folder of ancestors(path)) {
      if (this.folders.has(folder)) continue
      this.folders.add(folder)
      this.fire(FileChangeType.ADDED, folder)
    }
  }

  // --- parts

  private mine(uri: URI): string {
    const path = toPath(uri)
    if (path === null) throw missing()
    return path
  }

  private present(uri: URI): string {
    const path = this.mine(uri)
    if (!this.has(path)) throw missing()
    return path
  }

  private known(path: string): string {
    const file = this.files.get(path)
    if (file === undefined || !this.client.replica.text(file)) throw missing()
    return file
  }

  private allowed(act: () => void): void {
    try {
      act()
    } catch (error) {
      throw failed((error as Error).message)
    }
  }

  private bytes(file: string): Uint8Array {
    const entry = this.client.replica.visible.files.get(file)
    const text = this.client.replica.text(file)
    if (!entry || !text) throw missing()
    const lines = entry.eol === 'crlf' ? text.sliceString(0, text.length, '\r\n') : text.toString()
    return encoder.encode(entry.bom ? MARK + lines : lines)
  }

  private decode(content: Uint8Array, raw: string): { text: string; eol: 'lf' | 'crlf'; bom: boolean } {
    const bom = content[0] === 0xef && content[1] === 0xbb && content[2] === 0xbf
    return { text: toLf(raw), eol: raw.includes('\r\n') ? 'crlf' : 'lf', bom }
  }
}
