/**
 * Commands and settings of VS Code for what is not here: a marketplace, a second window, an account, a terminal, documents of
 * Microsoft's. Chosen, they would do nothing, so palette, menus and settings do not offer them. `workbench` hides the commands before it
 * starts, and the settings once it is there.
 */
import { MenuId, MenuRegistry } from '@codingame/monaco-vscode-api/vscode/vs/platform/actions/common/actions'
import { type IConfigurationRegistry, Extensions } from '@codingame/monaco-vscode-api/vscode/vs/platform/configuration/common/configurationRegistry'
import { ContextKeyExpr } from '@codingame/monaco-vscode-api/vscode/vs/platform/contextkey/common/contextkey'
import { Registry } from '@codingame/monaco-vscode-api/vscode/vs/platform/registry/common/platform'

export const ABSENT = [
  'extension.bisect.start',
  'workbench.action.askVScode',
  'workbench.action.browseColorThemesInMarketplace',
  'workbench.action.clearRecentFiles',
  'workbench.action.configureMeteredConnection',
  'workbench.action.getStartedWithAccessibilityFeatures',
  'workbench.action.newWindow',
  'workbench.action.openLicenseUrl',
  'workbench.action.openRecent',
  'workbench.action.showPolicyDiagnostics',
  'workbench.action.syncAccountPolicy',
  'workbench.action.tryNewDefaultThemes',
  'workbench.extensions.action.openInstalledWebExtensionsResource',
]

/** Their defaults stay: what is left of VS Code reads some of them. */
const ABSENT_SETTINGS = /^(extensions|http|interactiveWindow|network|notebook|remote|security|terminal)\.|chat|newWindow/i

const MENUS = [MenuId.CommandPalette, MenuId.MenubarFileMenu, MenuId.MenubarHelpMenu]

export function hideAbsent(): void {
  const absent = new Set(ABSENT)
  for (const item of MENUS.flatMap((menu) => MenuRegistry.getMenuItems(menu))) {
    const isAbsent = 'submenu' in item ? item.submenu === MenuId.MenubarRecentMenu : absent.has(item.command.id)
    if (isAbsent) item.when = ContextKeyExpr.false()
  }
}

/** From now on, whoever comes with settings later: some parts do when they are first used. What is in no section is not shown. */
export function hideAbsentSettings(): void {
  const registry = Registry.as<IConfigurationRegistry>(Extensions.Configuration)
  const hide = (keys: Iterable<string>): void => {
    const settings = registry.getConfigurationProperties()
    for (const key of keys) if (key in settings && ABSENT_SETTINGS.test(key)) settings[key]!.section = undefined
  }
  registry.onDidUpdateConfiguration(({ properties }) => hide(properties))
  hide(Object.keys(registry.getConfigurationProperties()))
}
