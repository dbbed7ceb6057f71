/**
 * Modules of the packaged VS Code that come with all they do, and cost less as they are defined, which every opening waits for.
 * A rewriting that has nothing to rewrite is an error of the build: a newer VS Code has another module there.
 */
import type { Plugin } from 'vite'

interface Lighter {
  /** What the module's path ends with. */
  module: string
  rewrite: (code: string) => string
}

export const LIGHTER: Lighter[] = [
  {
    // An error is made where it is thrown, not kept for that: for the stack of one that is made as a chunk is evaluated Chromium reads
    // the whole chunk once more, for the line numbers.
    module: '/vs/platform/files/browser/indexedDBFileSystemProvider.js',
    rewrite: (code) =>
      [...code.matchAll(/^const (ERR_\w+) = createFileSystemProviderError\(/gm)].reduce((all, [, name]) => asked(all, name!), code),
  },
  {
    // A stand-in for a service that is not here fails when it is called. Twelve hundred definitions would only say more as it does.
    module: '/monaco-vscode-api/missing-services.js',
    rewrite: (code) => code.replace(/^__decorate\(\[\s+Unsupported\s+\], \w+\.prototype, "\w+", (?:null|void 0)\);\n/gm, ''),
  },
]

/** Has a constant of a module made whenever it is used. */
const asked = (code: string, name: string): string =>
  code.replace(new RegExp(`\\b${name}\\b`, 'g'), `${name}()`).replace(`const ${name}() = `, `const ${name} = () => `)

export function lighten(): Plugin {
  const met = new Set<Lighter>()
  return {
    name: 'lighten',
    apply: 'build',
    enforce: 'pre',
    transform(code, id) {
      const found = LIGHTER.find(({ module }) => id.endsWith(module))
      if (found === undefined) return undefined
      const lighter = found.rewrite(code)
      if (lighter !== code) met.add(found)
      return { code: lighter, map: null }
    },
    buildEnd(error) {
      const missing = LIGHTER.filter((each) => !met.has(each))
      if (!error && missing.length > 0) throw new Error(`lighter.ts has nothing to rewrite in ${missing.map(({ module }) => module).join(', ')}`)
    },
  }
}
