import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { THEMES } from '../src/workbench/settings'

const EXTENSION = new URL('../node_modules/@codingame/monaco-vscode-theme-defaults-default-extension/resources/package.json', import.meta.url)

test('the themes go by the names that VS Code keeps them under, so that the next start finds them', () => {
  const { contributes } = JSON.parse(readFileSync(EXTENSION, 'utf8')) as { contributes: { themes: { id: string }[] } }
  const names = contributes.themes.map((theme) => theme.id)
  expect(names).toEqual(expect.arrayContaining(Object.values(THEMES)))
})
