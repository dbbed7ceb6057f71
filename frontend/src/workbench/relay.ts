/**
 * Passes on what the sync client tells: status and notices to the host page at once, changes of trees and texts to the
 * workbench once it is there. Before that the workbench reads the replica as it finds it, so nothing is kept back.
 */
import type { Listener, Notice, Status } from '../sync/parts'
import type { TextChange } from '../sync/effects'
import type { TreeChange } from '../sync/tree'
import type { Link } from './link'

export interface Shows {
  onTree(changes: readonly TreeChange[]): void
  onText(change: TextChange): void
  onSetAside(path: string, text: string): void
}

export class Relay implements Listener {
  /** The workbench, once it has been built over the replica. */
  shows: Shows | null = null

  constructor(private readonly link: Link) {}

  onTree(changes: readonly TreeChange[]): void {
    this.shows?.onTree(changes)
  }

  onText(change: TextChange): void {
    this.shows?.onText(change)
  }

  onSetAside(path: string, text: string): void {
    this.shows?.onSetAside(path, text)
  }

  onStatus(status: Status): void {
    this.link.send({ t: 'status', ...status })
  }

  onNotice(notice: Notice): void {
    this.link.send({ t: 'notice', ...notice })
  }
}
