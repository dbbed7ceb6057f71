/**
 * Quick Edit's own commands in the workbench: Ctrl+S runs the draft, and the host page's keys reach it from inside the frame. They and
 * the History's view are contributed as an extension, registered by `workbench` before it starts; nothing here waits for what runs one.
 */
import { ExtensionHostKind, type RegisterLocalProcessExtensionResult, registerExtension } from '@codingame/monaco-vscode-api/extensions'
import { CommandsRegistry } from '@codingame/monaco-vscode-api/vscode/vs/platform/commands/common/commands'
import { historyContributions } from './history-contributions'
import type { Link } from './link'

/** Host page keys: the name in the `key` frame, its title in the palette, its keybinding. */
const HOST_KEYS = [
  { name: 'deploy', title: 'Deploy', key: 'ctrl+shift+enter', mac: 'cmd+shift+enter' },
  { name: 'next-region', title: 'Go to the Next Region of the Page', key: 'f6' },
  { name: 'previous-region', title: 'Go to the Previous Region of the Page', key: 'shift+f6' },
  { name: 'preview', title: 'Go to the Preview', key: 'alt+p' },
  { name: 'tab-1', title: 'Show the First Tab beside the Editor', key: 'alt+1' },
  { name: 'tab-2', title: 'Show the Second Tab beside the Editor', key: 'alt+2' },
  { name: 'tab-3', title: 'Show the Third Tab beside the Editor', key: 'alt+3' },
  { name: 'tab-4', title: 'Show the Fourth Tab beside the Editor', key: 'alt+4' },
]

export interface Actions {
  /** Everything typed so far is sent, and the draft runs. */
  run(): void
}

/** The extension that Quick Edit is to VS Code. */
export function registerCommands(link: Link, actions: Actions): RegisterLocalProcessExtensionResult {
  CommandsRegistry.registerCommand('quickedit.run', () => actions.run())
  for (const { name } of HOST_KEYS) CommandsRegistry.registerCommand(`quickedit.${name}`, () => link.send({ t: 'key', name }))
  const run = { command: 'quickedit.run', key: 'ctrl+s', mac: 'cmd+s', when: 'resourceScheme == file' }
  const history = historyContributions()
  return registerExtension(
    {
      name: 'quick-edit',
      publisher: 'quick-edit',
      version: '1.0.0',
      engines: { vscode: '*' },
      extensionKind: ['ui'],
      contributes: {
        commands: [
          { command: 'quickedit.run', title: 'Run the Draft Now', category: 'Quick Edit', icon: '$(play)' },
          ...HOST_KEYS.map(({ name, title }) => ({ command: `quickedit.${name}`, title, category: 'Quick Edit' })),
          ...history.commands,
        ],
        keybindings: [run, ...HOST_KEYS.map(({ name, key, mac }) => ({ command: `quickedit.${name}`, key, mac: mac ?? key }))],
        views: history.views,
        menus: { 'editor/title': [{ command: 'quickedit.run', when: 'resourceLangId == python', group: 'navigation' }], ...history.menus },
        languages: [{ id: 'ini', extensions: ['.cfg'] }],
      },
    },
    ExtensionHostKind.LocalProcess,
  )
}
