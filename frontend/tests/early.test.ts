import { CancellationToken, CancellationTokenSource } from '@codingame/monaco-vscode-api/vscode/vs/base/common/cancellation'
import { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'
import { LanguageFeatureRegistry } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/languageFeatureRegistry'
import type { DefinitionProvider, ReferenceProvider, RenameProvider, TypeDefinitionProvider } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/languages'
import type { ITextModel } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model'
import { beforeEach, expect, test } from 'vitest'
import { EarlyKeys } from '../src/workbench/early'

const model = { uri: URI.file('/worker/main.py'), getLanguageId: () => 'python', isTooLargeForSyncing: () => false, isForSimpleWidget: false } as unknown as ITextModel
const at = { lineNumber: 1, column: 1 } as Parameters<DefinitionProvider['provideDefinition']>[1]
const found = { uri: model.uri, range: { startLineNumber: 2, startColumn: 1, endLineNumber: 2, endColumn: 6 } }
const python = { language: 'python' }

let features: ConstructorParameters<typeof EarlyKeys>[0]
let keys: EarlyKeys

beforeEach(() => {
  features = {
    definitionProvider: new LanguageFeatureRegistry<DefinitionProvider>(),
    typeDefinitionProvider: new LanguageFeatureRegistry<TypeDefinitionProvider>(),
    referenceProvider: new LanguageFeatureRegistry<ReferenceProvider>(),
    renameProvider: new LanguageFeatureRegistry<RenameProvider>(),
  }
  keys = new EarlyKeys(features)
})

/** F12, as VS Code puts it to whoever is registered. */
const ask = async (token: CancellationToken = CancellationToken.None): Promise<unknown[]> =>
  Promise.all(features.definitionProvider.ordered(model).map((provider) => provider.provideDefinition(model, at, token)))

const come = () => features.definitionProvider.register(python, { provideDefinition: () => [found] })

test('what is asked too early is answered once somebody can, and from then on by that one alone', async () => {
  const asked = ask()
  come()
  keys.end()
  expect(await asked).toEqual([[found]])
  expect(features.definitionProvider.ordered(model)).toHaveLength(1)
})

test('what is asked between two connections waits for the second', async () => {
  const first = come()
  keys.end()
  keys.wait()
  first.dispose()
  const asked = ask()
  keys.wait()
  come()
  keys.end()
  expect(await asked).toEqual([[found]])
})

test('a rename that was begun with the stand-in is ended by whoever has come', async () => {
  const [standIn] = features.renameProvider.ordered(model)
  const where = standIn!.resolveRenameLocation!(model, at, CancellationToken.None)
  const range = found.range
  features.renameProvider.register(python, {
    resolveRenameLocation: () => ({ range, text: 'greet' }),
    provideRenameEdits: (_model, _at, name) => ({ edits: [], rejectReason: name }),
  })
  keys.end()
  expect(await where).toEqual({ range, text: 'greet' })
  expect(await standIn!.provideRenameEdits(model, at, 'salute', CancellationToken.None)).toEqual({ edits: [], rejectReason: 'salute' })
})

test('a person who goes on has the question withdrawn', async () => {
  const going = new CancellationTokenSource()
  const asked = ask(going.token)
  going.cancel()
  expect(await asked).toEqual([undefined])
})

test('where nobody will come, what waits ends and the next key finds nobody', async () => {
  const asked = ask()
  keys.giveUp()
  expect(await asked).toEqual([undefined])
  expect(features.definitionProvider.has(model)).toBe(false)
})

test('files that have services of their own are none of its business', () => {
  const css = { ...model, getLanguageId: () => 'css', uri: URI.file('/worker/page.css') } as unknown as ITextModel
  expect(features.definitionProvider.has(css)).toBe(false)
})
