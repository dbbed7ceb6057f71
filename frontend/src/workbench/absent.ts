/**
 * Commands of VS Code for what is not here: a marketplace, a second window, an account, documents of Microsoft's. Chosen, they would do
 * nothing, so the palette and the menus do not offer them. `workbench` hides them before it starts.
 */
import { MenuId, MenuRegistry } from '@codingame/monaco-vscode-api/vscode/vs/platform/actions/common/actions'
import { ContextKeyExpr } from '@codingame/monaco-vscode-api/vscode/vs/platform/contextkey/common/contextkey'

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

const MENUS = [MenuId.CommandPalette, MenuId.MenubarFileMenu, MenuId.MenubarHelpMenu]

export function hideAbsent(): void {
  const absent = new Set(ABSENT)
  for (const item of MENUS.flatMap((menu) => MenuRegistry.getMenuItems(menu))) {
    const isAbsent = 'submenu' in item ? item.submenu === MenuId.MenubarRecentMenu : absent.has(item.command.id)
    if (isAbsent) item.when = ContextKeyExpr.false()
  }
}
