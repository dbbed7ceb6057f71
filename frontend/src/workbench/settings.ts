/** The workbench's settings: what differs from VS Code's defaults, and why where it is not plain. Used by `workbench`. */

export type Theme = 'light' | 'dark'

/** By the names that VS Code stores: by their older ones ("Default …") it never finds the theme again that it kept for the next start. */
export const THEMES: Record<Theme, string> = { dark: 'Dark Modern', light: 'Light Modern' }

export const settings = (theme: Theme): string =>
  JSON.stringify({
    'workbench.colorTheme': THEMES[theme],
    'workbench.iconTheme': 'vs-seti',
    'workbench.startupEditor': 'none',
    'workbench.layoutControl.enabled': false,
    'workbench.tips.enabled': false,
    'workbench.enableExperiments': false,
    'workbench.editor.empty.hint': 'hidden',
    // Every edit is in the log already; a second history in the browser's storage would only disagree with it.
    'workbench.localHistory.enabled': false,
    'workbench.editor.enablePreview': true,
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    // Edits leave by the keystroke, so nothing is ever dirty and nothing needs to be saved later.
    'files.autoSave': 'off',
    'files.hotExit': 'off',
    'files.saveConflictResolution': 'overwriteFileOnDisk',
    'files.eol': '\n',
    'files.associations': { '*.pyi': 'python', 'wrangler.jsonc': 'jsonc' },
    // Modules are small: colours come sooner from here than from a worker that has to start first.
    'editor.experimental.asyncTokenization': false,
    'editor.fontSize': 13,
    'editor.minimap.enabled': false,
    'editor.unusualLineTerminators': 'off',
    // Room for a colleague's name above the first line.
    'editor.padding.top': 4,
    'editor.scrollBeyondLastLine': false,
    'editor.wordBasedSuggestions': 'off',
    'explorer.autoReveal': true,
    // VS Code cannot undo the deletion of a folder: ask.
    'explorer.confirmDelete': true,
    'explorer.confirmDragAndDrop': false,
    'explorer.compactFolders': false,
    'breadcrumbs.enabled': true,
    'search.showLineNumbers': true,
    'window.commandCenter': true,
    'window.menuBarVisibility': 'compact',
    'chat.commandCenter.enabled': false,
    'chat.disableAIFeatures': true,
    'telemetry.telemetryLevel': 'off',
    'extensions.ignoreRecommendations': true,
    'security.workspace.trust.enabled': false,
    'problems.showCurrentInStatus': true,
  })
