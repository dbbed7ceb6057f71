/**
 * Quick Edit's own commands in the workbench, as an extension that runs in the page: Ctrl+S runs the draft, and the host
 * page's keys reach it from inside the frame. Made once by `workbench`.
 */
import { ExtensionHostKind, registerExtension } from '@codingame/monaco-vscode-api/extensions'
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

export async function registerCommands(link: Link, actions: Actions): Promise<typeof import('vscode')> {
  const run = { command: 'quickedit.run', key: 'ctrl+s', mac: 'cmd+s', when: 'resourceScheme == file' }
  const extension = registerExtension(
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
        ],
        keybindings: [run, ...HOST_KEYS.map(({ name, key, mac }) => ({ command: `quickedit.${name}`, key, mac: mac ?? key }))],
        menus: { 'editor/title': [{ command: 'quickedit.run', when: 'resourceLangId == python', group: 'navigation' }] },
        languages: [{ id: 'ini', extensions: ['.cfg'] }],
      },
    },
    ExtensionHostKind.LocalProcess,
  )
  const vscode = await extension.getApi()
  await extension.setAsDefaultApi()
  vscode.commands.registerCommand('quickedit.run', () => actions.run())
  for (const { name } of HOST_KEYS) vscode.commands.registerCommand(`quickedit.${name}`, () => link.send({ t: 'key', name }))
  return vscode
}
