/**
 * What the «History» view is to the workbench: a pane of the explorer, its commands and menus. It is there from the start, so that no
 * toolbar is made anew when its content (`history`) comes.
 */
import { RESTORE, RESTORE_ALL } from './wording'

export const VIEW = 'quickedit.history'

const command = (name: string, title: string, icon?: string) => ({ command: `${VIEW}.${name}`, title, category: 'History', ...(icon ? { icon: `$(${icon})` } : {}) })

export function historyContributions() {
  const where = (items: string): string => `view == ${VIEW} && viewItem =~ /${items}/`
  return {
    views: { explorer: [{ id: VIEW, name: 'History', visibility: 'collapsed' as const }] },
    commands: [
      command('all', 'Show the History of All Files', 'files'),
      command('file', 'Show the History of the Open File', 'file'),
      command('refresh', 'Refresh', 'refresh'),
      command('restore', RESTORE, 'discard'),
      command('restoreAll', RESTORE_ALL, 'discard'),
      command('compare', 'Compare with Now', 'git-compare'),
      command('open', 'Show the Change'),
      command('more', 'Show Older Changes'),
    ],
    menus: {
      'view/title': [
        { command: `${VIEW}.all`, when: `view == ${VIEW} && ${VIEW}.scope != all`, group: 'navigation@1' },
        { command: `${VIEW}.file`, when: `view == ${VIEW} && ${VIEW}.scope == all`, group: 'navigation@1' },
        { command: `${VIEW}.refresh`, when: `view == ${VIEW}`, group: 'navigation@2' },
      ],
      'view/item/context': [
        { command: `${VIEW}.restore`, when: `${where('restorable')} && ${VIEW}.writable`, group: 'inline@2' },
        { command: `${VIEW}.restoreAll`, when: `${where('entry')} && ${VIEW}.writable`, group: 'inline@2' },
        { command: `${VIEW}.compare`, when: where('comparable'), group: 'inline@1' },
      ],
      commandPalette: ['restore', 'restoreAll', 'compare', 'open', 'more', 'refresh'].map((name) => ({ command: `${VIEW}.${name}`, when: 'false' })),
    },
  }
}
