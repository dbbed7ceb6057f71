/** What the build rewrites in VS Code's modules, on the modules themselves. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { LIGHTER } from '../lighter'

const PACKAGES = fileURLToPath(new URL('../node_modules/@codingame', import.meta.url))
const FILES = [
  'monaco-vscode-files-service-override/vscode/src/vs/platform/files/browser/indexedDBFileSystemProvider.js',
  'monaco-vscode-api/missing-services.js',
]

/** The module, and what the build makes of it. */
async function both(file: string): Promise<[string, string]> {
  const code = await readFile(`${PACKAGES}/${file}`, 'utf8')
  return [code, LIGHTER.find(({ module }) => `/${file}`.endsWith(module))!.rewrite(code)]
}

test('an error of the file system in IndexedDB is made where it is thrown', async () => {
  const [before, after] = await both(FILES[0]!)
  const kept = [...before.matchAll(/^const (ERR_\w+) = createFileSystemProviderError/gm)].map(([, name]) => name)
  expect(kept).toContain('ERR_FILE_NOT_FOUND')
  for (const name of kept) {
    const uses = (code: string, use: RegExp): number => [...code.matchAll(use)].length
    expect(after).toContain(`const ${name} = () => createFileSystemProviderError(`)
    expect(uses(after, new RegExp(`throw ${name}\\(\\);`, 'g'))).toBe(uses(before, new RegExp(`throw ${name};`, 'g')))
    expect(uses(after, new RegExp(`\\b${name}\\b`, 'g'))).toBe(1 + uses(after, new RegExp(`throw ${name}\\(\\);`, 'g')))
  }
})

test('of the services that are not here nothing goes but the words with which they fail', async () => {
  const [before, after] = await both(FILES[1]!)
  const lines = (code: string): string[] => code.split('\n').filter((line) => !/^(__decorate\(\[| {4}Unsupported$|\], \w+\.prototype, "\w+", (null|void 0)\);)/.test(line))
  expect(lines(after)).toEqual(lines(before))
  expect(after).not.toContain('    Unsupported\n')
  expect(after.length).toBeLessThan(before.length - 100_000)
})
