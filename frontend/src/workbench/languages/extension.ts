/**
 * What the workbench must know of languages beside the language client: snippets for handlers, a setting, the names of
 * Python's semantic tokens, TOML. Registered by `workbench` before it starts.
 */
import { ExtensionHostKind, registerExtension } from '@codingame/monaco-vscode-api/extensions'

/** What a theme colours a token of the type checker as, where it has no colour for it. */
const SCOPES = {
  selfParameter: ['variable.language.special.self.python'],
  clsParameter: ['variable.language.special.cls.python'],
  builtinConstant: ['constant.language.python'],
}

export function registerLanguages(): void {
  const { registerFileUrl } = registerExtension(
    {
      name: 'python-workers',
      publisher: 'quick-edit',
      version: '1.0.0',
      engines: { vscode: '*' },
      extensionKind: ['ui'],
      contributes: {
        configuration: {
          title: 'Python Workers',
          properties: {
            'quickedit.portability': {
              type: 'boolean',
              default: true,
              description: 'Say what will not run on Cloudflare: threads, subprocesses, sockets.',
            },
          },
        },
        snippets: [{ language: 'python', path: './snippets.json' }],
        languages: [{ id: 'toml', aliases: ['TOML'], extensions: ['.toml'], configuration: './toml.json' }],
        grammars: [{ language: 'toml', scopeName: 'source.toml', path: './toml.tmLanguage.json' }],
        semanticTokenTypes: [
          { id: 'selfParameter', superType: 'parameter', description: 'self' },
          { id: 'clsParameter', superType: 'parameter', description: 'cls' },
          { id: 'builtinConstant', superType: 'variable', description: 'None, True, False' },
        ],
        semanticTokenScopes: [{ language: 'python', scopes: SCOPES }],
      },
    },
    ExtensionHostKind.LocalProcess,
  )
  const file = (path: string, url: URL): unknown => registerFileUrl(path, url.toString(), { mimeType: 'application/json' })
  file('./snippets.json', new URL('./snippets.json', import.meta.url))
  file('./toml.json', new URL('./toml.json', import.meta.url))
  file('./toml.tmLanguage.json', new URL('./toml.tmLanguage.json', import.meta.url))
}
