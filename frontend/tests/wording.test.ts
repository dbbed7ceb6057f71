import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as nls from '@codingame/monaco-vscode-api/vscode/vs/nls'
import { afterEach, expect, test } from 'vitest'
import { SENTENCES, correctSentences } from '../src/workbench/wording'

const WORKBENCH = 'node_modules/@codingame/monaco-vscode-api/vscode/src/vs/workbench'
const FOLDERS = [join(WORKBENCH, 'contrib/files/browser'), join(WORKBENCH, 'browser/parts/dialogs')]

/** As the package's own code calls it: its types still speak of keys, not of numbers. */
const localize = nls.localize as unknown as (number: number, message: string) => string

afterEach(() => void Reflect.deleteProperty(globalThis, '_VSCODE_NLS_MESSAGES'))

test('each number still stands for the sentence that it replaces', () => {
  const files = FOLDERS.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))).filter((file) => file.endsWith('.js'))
  const sources = files.map((file) => readFileSync(file, 'utf-8')).join('\n').replace(/localize\(\s+(\d+),\s+/g, 'localize($1, ')
  for (const { number, was } of SENTENCES) expect(sources).toContain(`localize(${number}, ${JSON.stringify(was)}`)
})

test('VS Code says the new sentences, and all others as before', () => {
  correctSentences()
  for (const { number, was, is } of SENTENCES) expect(localize(number, was)).toBe(is)
  expect(localize(10979, 'You can restore this file using the Undo command.')).toBe('You can restore this file using the Undo command.')
})
