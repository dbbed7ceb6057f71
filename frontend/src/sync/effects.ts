/** What goes into a replica and what comes out of it: snapshots, and the effects of an operation on what the person sees. */
import type { ChangeSet, Text } from './text'
import type { TreeChange } from './tree'

/** What a server's snapshot holds. */
export interface Snapshot {
  revision: number
  files: { id: string; path: string; text: string; eol: 'lf' | 'crlf'; bom: boolean; digest?: string | null; size?: number }[]
  folders: string[]
}

export interface TextChange {
  file: string
  changes: ChangeSet
  before: Text
}

/** Text that lost its file and was kept under another name. */
export interface Kept {
  path: string
  as: string
}

export class Effects {
  tree: TreeChange[] = []
  readonly texts: TextChange[] = []
  readonly kept: Kept[] = []
}

/** The server sent what cannot follow from what it sent before: start again from a snapshot. */
export class Diverged extends Error {}
