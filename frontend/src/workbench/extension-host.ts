/**
 * What runs extensions: the language client, the History and what the packaged extensions do. Their contributions (grammars, commands,
 * views) the workbench reads by itself, so this half of VS Code is a lazy chunk and comes after the first colours.
 */
import 'virtual:extension-answers'
import 'vscode/localExtensionHost'
import { IExtensionService, getService } from '@codingame/monaco-vscode-api'
import type { RegisterLocalProcessExtensionResult } from '@codingame/monaco-vscode-api/extensions'

/** Starts the host, and returns the API as `extension` has it; the module `vscode` is the same from then on. */
export async function startExtensionHost(extension: RegisterLocalProcessExtensionResult): Promise<typeof import('vscode')> {
  // Nothing is stopped by it: as long as the second import above had not run, the service could not make a host.
  await (await getService(IExtensionService)).startExtensionHosts()
  const api = await extension.getApi()
  await extension.setAsDefaultApi()
  return api
}
