/**
 * Leads the workbench through changes of the tree that others made, or that the server made of ours: open editors follow a
 * rename and close with a deletion. One change after the other, because VS Code's moves take several turns of the loop.
 */
import { IFileService, getService } from '@codingame/monaco-vscode-api'
import { FileChangeType } from '@codingame/monaco-vscode-api/vscode/vs/platform/files/common/files'
import type { SyncClient } from '../sync/client'
import type { TreeChange } from '../sync/tree'
import type { Binding } from './binding'
import type { WorkerFileSystem } from './filesystem'
import { toUri } from './space'

export class TreeView {
  private queue: Promise<void> = Promise.resolve()
  private waiting = 0

  private constructor(
    private readonly service: IFileService,
    private readonly client: SyncClient,
    private readonly files: WorkerFileSystem,
    private readonly binding: Binding,
  ) {}

  static async create(client: SyncClient, files: WorkerFileSystem, binding: Binding): Promise<TreeView> {
    return new TreeView(await getService(IFileService), client, files, binding)
  }

  onTree(changes: readonly TreeChange[]): void {
    this.waiting++
    this.queue = this.queue.then(async () => {
      for (const change of changes) await this.follow(change).catch((error: unknown) => console.error('tree', change, error))
      if (--this.waiting === 0) this.settle()
    })
  }

  private async follow(change: TreeChange): Promise<void> {
    if (change.kind === 'folder-added') this.files.addFolder(change.path)
    else if (change.kind === 'file-added') this.files.addFile(change.path, change.file)
    else if (change.kind === 'attributes') this.binding.onAttributes(change.file)
    else if (change.kind === 'content') this.files.touch(change.file)
    else if (change.kind === 'file-moved') await this.move(change.file, change.to)
    else await this.delete(change)
  }

  private async move(file: string, to: string): Promise<void> {
    const from = this.files.pathOf(file)
    if (from === undefined || from === to) return
    // Its new place is still shown as another file's, which will move too: settle() sees to both.
    if (this.files.has(to)) return
    await this.quietly(() => this.service.move(toUri(from), toUri(to), false))
  }

  private async delete(change: { path: string; file?: string }): Promise<void> {
    const path = change.file === undefined ? change.path : this.files.pathOf(change.file)
    if (path === undefined || !this.files.has(path)) return
    if (change.file === undefined && this.holdsFiles(path)) return
    await this.quietly(() => this.service.del(toUri(path), { recursive: true, useTrash: false }))
  }

  private holdsFiles(folder: string): boolean {
    return [...this.files.files.keys()].some((path) => path.startsWith(`${folder}/`))
  }

  private async quietly(act: () => Promise<unknown>): Promise<void> {
    this.files.following = true
    try {
      await act()
    } finally {
      this.files.following = false
    }
  }

  /** With nothing left to follow, what is shown must be what the replica holds; whatever slipped through is put right. */
  private settle(): void {
    const tree = this.client.replica.visible
    for (const [path, file] of [...this.files.files]) {
      if (tree.files.get(file)?.path === path) continue
      this.files.files.delete(path)
      this.files.fire(FileChangeType.DELETED, path)
    }
    for (const folder of [...this.files.folders]) {
      if (folder === '' || tree.folders.has(folder)) continue
      this.files.folders.delete(folder)
      this.files.fire(FileChangeType.DELETED, folder)
    }
    for (const folder of tree.folders) this.files.addFolder(folder)
    for (const file of tree.files.values()) if (!this.files.files.has(file.path)) this.files.addFile(file.path, file.id)
  }
}
