import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as nls from '@codingame/monaco-vscode-api/vscode/vs/nls'
import { afterEach, expect, test } from 'vitest'
import { SENTENCES, correctSentences } from '../src/workbench/wording'

const FILES = 'node_modules/@codingame/monaco-vscode-api/vscode/src/vs/workbench/contrib/files/browser'

/** As the package's own code calls it: its types still speak of keys, not of numbers. */
const localize = nls.localize as unknown as (number: number, message: string) => string

afterEach(() => void Reflect.deleteProperty(globalThis, '_VSCODE_NLS_MESSAGES'))

test('each number still stands for the sentence that it replaces', () => {
  const sources = readdirSync(FILES).filter((name) => name.endsWith('.js')).map((name) => readFileSync(join(FILES, name), 'utf-8')).join('\n')
  for (const { number, was } of SENTENCES) expect(sources).toContain(`localize(${number}, ${JSON.stringify(was)})`)
})

test('VS Code says the new sentences, and all others as before', () => {
  correctSentences()
  for (const { number, was, is } of SENTENCES) expect(localize(number, was)).toBe(is)
  expect(localize(10979, 'You can restore this file using the Undo command.')).toBe('You can restore this file using the Undo command.')
})
