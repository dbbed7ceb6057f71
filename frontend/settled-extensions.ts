/**
 * What VS Code's own extensions leave to the browser and the build can settle: the words of their manifests, each in a file of its own
 * that the workbench waits for, and the themes, each of which includes another. A first opening is spared fourteen requests.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Plugin } from 'vite'

const EXTENSION = /monaco-vscode-[\w-]+-default-extension\/index\.js$/
const WORDS = /^registerFileUrl\('package\.nls\.json',.*\n/m
const PLACEHOLDER = /"%([^"%]+)%"/g
const THEME = /^registerFileUrl\('(themes\/[\w-]+\.json)', new URL\('\.\/(resources\/[\w-]+\.json)'.*$/gm

interface Theme {
  include?: string
  semanticHighlighting?: boolean
  colors?: Record<string, string>
  tokenColors?: unknown[]
  semanticTokenColors?: Record<string, unknown>
}

/** A theme with all that it includes, by the rules of VS Code's `_loadColorTheme`: it overrides what it includes. */
export async function wholeTheme(path: string): Promise<Theme> {
  const { include, ...theme } = JSON.parse(await readFile(path, 'utf8')) as Theme
  if (include === undefined) return theme
  const base = await wholeTheme(join(dirname(path), include))
  return {
    ...base,
    ...theme,
    semanticHighlighting: base.semanticHighlighting || theme.semanticHighlighting,
    colors: { ...base.colors, ...theme.colors },
    tokenColors: [...(base.tokenColors ?? []), ...(theme.tokenColors ?? [])],
    semanticTokenColors: later(base.semanticTokenColors, theme.semanticTokenColors),
  }
}

/** Both, in the order in which the last word on each was said: of two rules that fit as well, the later one counts. */
function later<T>(first: Record<string, T> = {}, then: Record<string, T> = {}): Record<string, T> {
  return { ...Object.fromEntries(Object.entries(first).filter(([name]) => !(name in then))), ...then }
}

/** Puts the words of `package.nls.json` into a manifest that is written in `code`. Throws where a word is missing. */
export function withWords(code: string, words: Record<string, string | { message: string }>): string {
  return code.replace(WORDS, '').replace(PLACEHOLDER, (_whole, key: string) => {
    const word = words[key]
    if (word === undefined) throw new Error(`package.nls.json has no ${key}`)
    return JSON.stringify(typeof word === 'string' ? word : word.message)
  })
}

export function settleExtensions(): Plugin {
  return {
    name: 'settle-extensions',
    apply: 'build',
    enforce: 'pre',
    async transform(code, id) {
      if (!EXTENSION.test(id)) return undefined
      const folder = dirname(id)
      let settled = withWords(code, JSON.parse(await readFile(join(folder, 'resources/package.nls.json'), 'utf8')))
      for (const [line, name, path] of [...settled.matchAll(THEME)]) {
        const source = JSON.stringify(await wholeTheme(join(folder, path!)))
        const file = this.emitFile({ type: 'asset', name: basename(path!), source })
        const about = JSON.stringify({ mimeType: 'application/json', size: Buffer.byteLength(source) })
        settled = settled.replace(line, () => `registerFileUrl('${name}', import.meta.ROLLUP_FILE_URL_${file}, ${about});`)
      }
      return { code: settled, map: null }
    },
  }
}
