/**
 * Which parts of VS Code the workbench is made of, and the grammars. Only `workbench` imports it; a part that
 * is not listed here (chat, gallery, terminal, debugger, accounts) is not in the product.
 */
import '@codingame/monaco-vscode-css-default-extension'
import '@codingame/monaco-vscode-html-default-extension'
import '@codingame/monaco-vscode-ini-default-extension'
import '@codingame/monaco-vscode-javascript-default-extension'
import '@codingame/monaco-vscode-json-default-extension'
import '@codingame/monaco-vscode-markdown-basics-default-extension'
import '@codingame/monaco-vscode-python-default-extension'
import '@codingame/monaco-vscode-references-view-default-extension'
import '@codingame/monaco-vscode-search-result-default-extension'
import '@codingame/monaco-vscode-theme-defaults-default-extension'
import '@codingame/monaco-vscode-theme-seti-default-extension'
import '@codingame/monaco-vscode-yaml-default-extension'
import getAccessibility from '@codingame/monaco-vscode-accessibility-service-override'
import getBulkEdit from '@codingame/monaco-vscode-bulk-edit-service-override'
import getConfiguration from '@codingame/monaco-vscode-configuration-service-override'
import getDialogs from '@codingame/monaco-vscode-dialogs-service-override'
import getEnvironment from '@codingame/monaco-vscode-environment-service-override'
import getExplorer from '@codingame/monaco-vscode-explorer-service-override'
import getExtensions from '@codingame/monaco-vscode-extensions-service-override'
import getKeybindings from '@codingame/monaco-vscode-keybindings-service-override'
import getLanguages from '@codingame/monaco-vscode-languages-service-override'
import getLifecycle from '@codingame/monaco-vscode-lifecycle-service-override'
import getLog from '@codingame/monaco-vscode-log-service-override'
import getMarkers from '@codingame/monaco-vscode-markers-service-override'
import getModel from '@codingame/monaco-vscode-model-service-override'
import getMultiDiff from '@codingame/monaco-vscode-multi-diff-editor-service-override'
import getNotifications from '@codingame/monaco-vscode-notifications-service-override'
import getOutline from '@codingame/monaco-vscode-outline-service-override'
import getOutput from '@codingame/monaco-vscode-output-service-override'
import getPreferences from '@codingame/monaco-vscode-preferences-service-override'
import getSearch from '@codingame/monaco-vscode-search-service-override'
import getSnippets from '@codingame/monaco-vscode-snippets-service-override'
import getStorage from '@codingame/monaco-vscode-storage-service-override'
import getTextmate from '@codingame/monaco-vscode-textmate-service-override'
import getTheme from '@codingame/monaco-vscode-theme-service-override'
import getUserDataProfile from '@codingame/monaco-vscode-user-data-profile-service-override'
import getWorkbench from '@codingame/monaco-vscode-workbench-service-override'
import getWorkingCopy from '@codingame/monaco-vscode-working-copy-service-override'
import getTrust from '@codingame/monaco-vscode-workspace-trust-service-override'

/** Parts of VS Code's frame that mean nothing here: accounts of its own, the keyboard's layout. */
const HIDDEN = {
  'workbench.activity.showAccounts': false,
  'workbench.statusbar.hidden': JSON.stringify(['status.workbench.keyboardLayout']),
}

export const overrides = () => ({
  ...getLog(),
  // Extensions are ours alone and run in the page: no extension host to download.
  ...getExtensions({ enableWorkerExtensionHost: false }),
  ...getModel(),
  ...getNotifications(),
  ...getDialogs(),
  ...getConfiguration(),
  ...getKeybindings(),
  ...getTextmate(),
  ...getTheme(),
  ...getSnippets(),
  ...getLanguages(),
  ...getPreferences(),
  ...getOutline(),
  ...getOutput(),
  ...getMarkers(),
  ...getExplorer(),
  ...getSearch(),
  ...getStorage({ forcedValues: HIDDEN }),
  ...getLifecycle(),
  ...getBulkEdit(),
  ...getWorkingCopy(),
  ...getTrust(),
  ...getAccessibility(),
  ...getUserDataProfile(),
  ...getMultiDiff(),
  ...getEnvironment(),
  ...getWorkbench(),
})
