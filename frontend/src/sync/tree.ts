/**
 * The tree of a workspace without its texts: files by id, folders by path. Pure data with one rule for each operation;
 * `replica` keeps two of these, what the server confirmed and what the person sees.
 */
import type { AnyOperation, Edit } from '../wire/messages'
import { ancestors, isWithin, moved } from './paths'

/** Every operation but `edit`, which changes no tree. */
export type TreeOperation = Exclude<AnyOperation, Edit>

export interface FileEntry {
  readonly id: string
  readonly path: string
  readonly eol: 'lf' | 'crlf'
  readonly bom: boolean
  /** The SHA-256 of a binary file's content; null for text. */
  readonly digest: string | null
  /** Bytes of a binary file; 0 for text. */
  readonly size: number
}

/** An operation that does not fit the tree. */
export class TreeConflict extends Error {}

export class Tree {
  readonly files = new Map<string, FileEntry>()
  readonly folders = new Set<string>()
  private readonly ids = new Map<string, string>()

  clone(): Tree {
    const copy = new Tree()
    for (const [id, file] of this.files) copy.put(id, file)
    for (const folder of this.folders) copy.folders.add(folder)
    return copy
  }

  fileAt(path: string): FileEntry | undefined {
    const id = this.ids.get(path)
    return id === undefined ? undefined : this.files.get(id)
  }

  has(path: string): boolean {
    return this.ids.has(path) || this.folders.has(path)
  }

  /** Whether a path, or one that differs from it only in case, is in use, `except` not counted. */
  isTaken(path: string, except = ''): boolean {
    const folded = path.toLowerCase()
    const clashes = (other: string): boolean => other !== except && other.toLowerCase() === folded
    for (const other of this.ids.keys()) if (clashes(other)) return true
    for (const other of this.folders) if (clashes(other)) return true
    return false
  }

  /** The files that `path` is or holds. */
  within(path: string): FileEntry[] {
    return [...this.files.values()].filter((file) => isWithin(file.path, path))
  }

  /** Does one operation. Raises TreeConflict, and then has changed nothing. */
  apply(op: TreeOperation): void {
    if (op.op === 'create') this.create(op)
    else if (op.op === 'create-folder') this.createFolder(op.path)
    else if (op.op === 'delete') this.delete(op.path)
    else if (op.op === 'rename') this.rename(op.path, op.to)
    else {
      const file = this.files.get(op.file)
      if (!file || (op.op === 'content' && file.digest === null)) throw new TreeConflict(`no such file ${op.file}`)
      this.put(op.file, op.op === 'content' ? { ...file, digest: op.digest, size: op.size } : { ...file, eol: op.eol, bom: op.bom })
    }
  }

  private create(op: Extract<TreeOperation, { op: 'create' }>): void {
    if (this.has(op.path) || this.files.has(op.file)) throw new TreeConflict(`${op.path} is taken`)
    this.addParents(op.path)
    this.put(op.file, {
      id: op.file, path: op.path, eol: op.eol ?? 'lf', bom: op.bom ?? false, digest: op.digest ?? null, size: op.size ?? 0,
    })
  }

  private createFolder(path: string): void {
    if (this.ids.has(path)) throw new TreeConflict(`${path} is a file`)
    this.addParents(path)
    this.folders.add(path)
  }

  private delete(path: string): void {
    if (!this.has(path)) throw new TreeConflict(`no ${path}`)
    for (const file of this.within(path)) {
      this.files.delete(file.id)
      this.ids.delete(file.path)
    }
    for (const folder of [...this.folders]) if (isWithin(folder, path)) this.folders.delete(folder)
  }

  private rename(from: string, to: string): void {
    if (!this.has(from)) throw new TreeConflict(`no ${from}`)
    if (this.has(to) || isWithin(to, from)) throw new TreeConflict(`${to} is taken`)
    const files = this.within(from)
    for (const file of files) this.ids.delete(file.path)
    for (const file of files) this.put(file.id, { ...file, path: moved(file.path, from, to) })
    for (const folder of [...this.folders]) {
      if (!isWithin(folder, from)) continue
      this.folders.delete(folder)
      this.folders.add(moved(folder, from, to))
    }
    this.addParents(to)
  }

  private put(id: string, file: FileEntry): void {
    this.files.set(id, file)
    this.ids.set(file.path, id)
  }

  private addParents(path: string): void {
    for (const folder of ancestors(path)) {
      if (this.ids.has(folder)) throw new TreeConflict(`${folder} is a file`)
      this.folders.add(folder)
    }
  }
}

/** How one tree differs from another, for whoever shows it. */
export type TreeChange =
  | { kind: 'folder-added' | 'folder-removed'; path: string }
  | { kind: 'file-added' | 'file-removed'; file: string; path: string }
  | { kind: 'file-moved'; file: string; path: string; to: string }
  | { kind: 'attributes' | 'content'; file: string; path: string }

/** The changes from `before` to `after`, in an order that can be shown: folders appear before what they hold and go after it. */
export function treeChanges(before: Tree, after: Tree): TreeChange[] {
  const changes: TreeChange[] = []
  for (const path of [...after.folders].sort()) if (!before.folders.has(path)) changes.push({ kind: 'folder-added', path })
  for (const file of before.files.values()) {
    if (!after.files.has(file.id)) changes.push({ kind: 'file-removed', file: file.id, path: file.path })
  }
  for (const file of after.files.values()) {
    const old = before.files.get(file.id)
    if (!old) changes.push({ kind: 'file-added', file: file.id, path: file.path })
    else if (old.path !== file.path) changes.push({ kind: 'file-moved', file: file.id, path: old.path, to: file.path })
    if (old && (old.eol !== file.eol || old.bom !== file.bom)) changes.push({ kind: 'attributes', file: file.id, path: file.path })
    if (old && old.digest !== file.digest) changes.push({ kind: 'content', file: file.id, path: file.path })
  }
  const gone = [...before.folders].filter((path) => !after.folders.has(path)).sort().reverse()
  for (const path of gone) changes.push({ kind: 'folder-removed', path })
  return changes
}
