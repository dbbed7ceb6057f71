/** What the build settles in VS Code's own extensions is what VS Code would have made of it in the browser: both are run here. */
import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'
import { localizeManifest } from '@codingame/monaco-vscode-api/vscode/vs/platform/extensionManagement/common/extensionNls'
import { ColorThemeData } from '@codingame/monaco-vscode-api/vscode/vs/workbench/services/themes/common/colorThemeData'
import { describe, expect, it } from 'vitest'
import { wholeTheme, withWords } from '../settled-extensions'

const PACKAGES = fileURLToPath(new URL('../node_modules/@codingame', import.meta.url))
const THEMES = join(PACKAGES, 'monaco-vscode-theme-defaults-default-extension/resources')
const isTheme = /^(2026-|dark_|light_|hc_).*\.json$/

/** All that VS Code knows of a theme, read by itself from what `read` answers for a file's name. */
async function loaded(name: string, read: (name: string) => Promise<string>): Promise<unknown> {
  const location = URI.from({ scheme: 'theme', path: `/${name}` })
  const theme = Object.assign(ColorThemeData.createUnloadedTheme('vs-dark'), { location })
  await theme.ensureLoaded({ readExtensionResource: (uri: URI) => read(uri.path.slice(1)) } as never)
  const { colorMap, themeTokenColors, semanticTokenRules, themeSemanticHighlighting } = JSON.parse(JSON.stringify(theme))
  return { colorMap, themeTokenColors, rules: inForce(semanticTokenRules), themeSemanticHighlighting }
}

interface Rule {
  selector: { id: string }
  style: object
}

/** Of rules with the same selector one is in force: for each property the last that has it. */
function inForce(rules: Rule[]): [string, object][] {
  const found = new Map<string, object>()
  for (const { selector, style } of rules) {
    const before = found.get(selector.id)
    found.delete(selector.id)
    found.set(selector.id, { ...before, ...style })
  }
  return [...found]
}

describe('a whole theme', async () => {
  const names = (await readdir(THEMES)).filter((name) => isTheme.test(name))

  it.each(names)('%s looks as it did in parts', async (name) => {
    const whole = JSON.stringify(await wholeTheme(join(THEMES, name)))
    expect(JSON.parse(whole)).not.toHaveProperty('include')
    const parts = await loaded(name, (part) => readFile(join(THEMES, part), 'utf8'))
    expect(parts).toHaveProperty('colorMap')
    expect(await loaded(name, () => Promise.resolve(whole))).toEqual(parts)
  })

  it('is a test of themes that include others', async () => {
    expect(names).toContain('light_modern.json')
    expect(await readFile(join(THEMES, 'light_modern.json'), 'utf8')).toContain('"include"')
  })
})

/** The manifest that a default extension's module defines. */
const manifest = (code: string): Record<string, unknown> => new Function(`${/^var manifest = .*;$/m.exec(code)![0]}; return manifest`)()

describe('the words of a manifest', async () => {
  const packages = (await readdir(PACKAGES)).filter((name) => name.endsWith('-default-extension'))

  it.each(packages)('%s reads as VS Code would have it', async (name) => {
    const code = await readFile(join(PACKAGES, name, 'index.js'), 'utf8')
    const words = JSON.parse(await readFile(join(PACKAGES, name, 'resources/package.nls.json'), 'utf8'))
    const settled = withWords(code, words)
    expect(settled).not.toContain('package.nls.json')
    const theirs = localizeManifest({ warn: (message: string) => expect.fail(message) } as never, manifest(code) as never, words)
    expect(manifest(settled)).toEqual(theirs)
  })

  it('must all be there', () => {
    expect(() => withWords('var manifest = {name:"%missing%"};', {})).toThrow('missing')
  })
})
