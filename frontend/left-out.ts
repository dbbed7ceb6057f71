/**
 * What the packaged VS Code brings along and the editor does not want, or not yet: a quarter of its code, which the browser would have to
 * read before anything shows. A module listed here that the build does not meet is an error: a newer VS Code has moved it.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Plugin } from 'vite'

/** Parts of VS Code that Quick Edit has no use for, and what the modules that ask for them get: no more than they ask. */
const STAND_INS: Record<string, string> = {
  // Notebooks: asked for by the search, whether what is open is one.
  'workbench/contrib/notebook/browser/notebookEditorWidget.js': 'export class NotebookEditorWidget {}',
  'workbench/contrib/notebook/browser/notebookEditor.js': 'export class NotebookEditor {}',
  // Whole lines suggested by a language model.
  'editor/contrib/inlineCompletions/browser/inlineCompletions.contribution.js': '',
  'editor/contrib/inlineCompletions/browser/controller/inlineCompletionsController.js':
    "export class InlineCompletionsController { static ID = 'editor.contrib.inlineCompletionsController'; static get() { return null } static getInFocusedEditorOrParent() { return null } }",
  // Settings that follow an account of Microsoft's, and their profiles.
  'workbench/services/userDataSync/browser/userDataSyncInit.js':
    'export class UserDataSyncInitializer { async requiresInitialization() { return false } async whenInitializationFinished() {} async initializeRequiredResources() {} async initializeOtherResources() {} async initializeInstalledExtensions() {} }',
  'workbench/contrib/userDataProfile/browser/userDataProfile.contribution.js': '',
  // Merge conflicts of a version control that is not here.
  'workbench/contrib/mergeEditor/browser/mergeEditor.contribution.js': '',
  // Other machines.
  'workbench/contrib/remote/browser/remoteExplorer.js': "export const VIEWLET_ID = 'workbench.view.remote'",
  'workbench/services/extensions/common/remoteExtensionHost.js': 'export class RemoteExtensionHost {}',
  'platform/remote/common/remoteAgentConnection.js': 'export const PersistentConnectionEventType = {}',
  'workbench/services/remote/common/remoteExplorerService.js':
    "export const PortsEnablement = { Disabled: 0 }; export const PORT_AUTO_FORWARD_SETTING = '', PORT_AUTO_SOURCE_SETTING = '', PORT_AUTO_SOURCE_SETTING_OUTPUT = '', PORT_AUTO_SOURCE_SETTING_HYBRID = ''",
  // A browser in the editor.
  'workbench/contrib/browserView/common/browserEditorInput.js': 'export class BrowserEditorInput {}',
  // The question whether a folder is to be trusted: a worker is one's own.
  'workbench/contrib/workspace/browser/workspace.contribution.js': '',
  // Who calls what, and what inherits from what: no language here answers that.
  'workbench/contrib/callHierarchy/browser/callHierarchy.contribution.js': '',
  'workbench/contrib/typeHierarchy/browser/typeHierarchy.contribution.js': '',
  // Colours from a parser, an experiment for a few other languages.
  'editor/common/model/tokens/treeSitter/treeSitterSyntaxTokenBackend.js': 'export class TreeSitterSyntaxTokenBackend {}',
  // Language models: what the stand-ins of their services ask for as they are defined.
  'workbench/contrib/chat/common/customizationHarnessService.js': 'export const createVSCodeHarnessDescriptor = () => ({})',
  'workbench/services/mcp/common/mcpWorkbenchManagementService.js': "export const WORKSPACE_FOLDER_CONFIG_ID_PREFIX = 'ws'",
}

/** The package with the extension service, and its imports of what answers an extension's calls, a module for each part of the workbench.
 *  One stays where it is: it defines a service, and those must be known before the workbench is made. */
const EXTENSION_SERVICE = '@codingame/monaco-vscode-extensions-service-override'
const ANSWERS = /^import '(\.\/vscode\/src\/vs\/workbench\/api\/browser\/mainThread(?!Embeddings\b)\w+\.js)';$/gm
/** The module that has these imports instead: only an extension host needs them, and ours starts when the editor is there. */
const ANSWERS_MODULE = 'virtual:extension-answers'

/** The build's plugin. Throws at the build's end where what is named above is not there. */
export function leaveOut(): Plugin {
  const met = new Set<string>()
  let service = ''
  return {
    name: 'leave-out',
    apply: 'build',
    enforce: 'pre',
    resolveId: (id) => (id === ANSWERS_MODULE ? `\0${id}` : undefined),
    async buildStart() {
      service = (await this.resolve(EXTENSION_SERVICE))?.id ?? ''
    },
    async load(id) {
      if (id === `\0${ANSWERS_MODULE}`) {
        const imports = [...(await readFile(service, 'utf8')).matchAll(ANSWERS)]
        if (imports.length === 0) throw new Error(`left-out.ts: ${EXTENSION_SERVICE} does not import what answers extensions any more`)
        return imports.map(([, path]) => `import ${JSON.stringify(join(dirname(service), path!))}`).join('\n')
      }
      const part = Object.keys(STAND_INS).find((name) => id.endsWith(`/vs/${name}`))
      if (part === undefined) return undefined
      met.add(part)
      return { code: STAND_INS[part]!, moduleSideEffects: false }
    },
    transform: (code, id) => (id === service ? { code: code.replace(ANSWERS, ''), map: null } : undefined),
    buildEnd(error) {
      const missing = Object.keys(STAND_INS).filter((name) => !met.has(name))
      if (!error && missing.length > 0) throw new Error(`left-out.ts names what VS Code does not have any more: ${missing.join(', ')}`)
    },
  }
}
