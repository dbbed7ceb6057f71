/**
 * What a key asks the language services before they are there: their client comes after the first paint and anew with every connection, and
 * VS Code does nothing at all on a key that nobody registered for. A stand-in takes the question and hands it on once it can be answered.
 * Begun by `workbench`; `language` says when the client has come, and when it has gone.
 */
import type { ILanguageFeaturesService } from '@codingame/monaco-vscode-api'
import type { CancellationToken } from '@codingame/monaco-vscode-api/vscode/vs/base/common/cancellation'
import { Emitter, Event } from '@codingame/monaco-vscode-api/vscode/vs/base/common/event'
import { DisposableStore } from '@codingame/monaco-vscode-api/vscode/vs/base/common/lifecycle'
import type { LanguageFeatureRegistry } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/languageFeatureRegistry'
import type { ITextModel } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model'

const PYTHON = { language: 'python', scheme: 'file' }

/**
 * F12, Shift+F12, F2. Completion and hovers are not among them: until their services come, words of the text are offered, and a hover would
 * say «Loading…» where nothing loads. The last argument of each method is the token that cancels it.
 */
const KEYS = {
  definitionProvider: ['provideDefinition'],
  typeDefinitionProvider: ['provideTypeDefinition'],
  referenceProvider: ['provideReferences'],
  renameProvider: ['resolveRenameLocation', 'provideRenameEdits'],
} as const

type Provider = Record<string, (model: ITextModel, ...rest: unknown[]) => unknown>
type Registry = LanguageFeatureRegistry<Provider>

export class EarlyKeys {
  private readonly registered = new DisposableStore()
  private readonly lost = new Emitter<void>()
  private hopeless = false

  constructor(private readonly features: Pick<ILanguageFeaturesService, keyof typeof KEYS>) {
    this.wait()
  }

  /** There is no client: questions wait for the next one. */
  wait(): void {
    this.registered.clear()
    this.hopeless = false
    for (const [kind, methods] of Object.entries(KEYS)) this.standIn(this.features[kind as keyof typeof KEYS] as unknown as Registry, methods)
  }

  /** The client is there, and answers itself. */
  end(): void {
    this.registered.clear()
  }

  /** There will be none: what waits gets no answer, and the next key finds nobody. */
  giveUp(): void {
    this.hopeless = true
    this.end()
    this.lost.fire()
  }

  private standIn(registry: Registry, methods: readonly string[]): void {
    const handOn = (method: string) => async (model: ITextModel, ...rest: unknown[]): Promise<unknown> => {
      const found = await this.successor(registry, model, mine, rest.at(-1) as CancellationToken)
      return found?.[method]?.(model, ...rest)
    }
    const mine: Provider = Object.fromEntries(methods.map((method) => [method, handOn(method)]))
    this.registered.add(registry.register(PYTHON, mine))
  }

  private async successor(registry: Registry, model: ITextModel, mine: Provider, token: CancellationToken): Promise<Provider | undefined> {
    const find = (): Provider | undefined => registry.ordered(model).find((provider) => provider !== mine)
    while (!find() && !this.hopeless && !token.isCancellationRequested)
      await Event.toPromise(Event.any<unknown>(registry.onDidChange, token.onCancellationRequested, this.lost.event))
    return find()
  }
}
