/**
 * The menu behind a worker's name in the bar, on its three pages.
 */

import { all } from './dom'
import type { WorkerActions } from './worker-actions'

export function startWorkerMenu(actions: WorkerActions, name: string, live: boolean): void {
  for (const item of all('#worker-menu [data-do]')) {
    item.addEventListener('click', () => {
      if (item.dataset.do === 'rename') actions.rename(name, live)
      if (item.dataset.do === 'duplicate') actions.duplicate(name)
      if (item.dataset.do === 'delete') void actions.remove(name)
    })
  }
}
