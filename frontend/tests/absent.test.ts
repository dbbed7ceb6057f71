import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ABSENT } from '../src/workbench/absent'

const FOLDERS = [
  'monaco-vscode-api/vscode/src/vs/workbench/browser',
  'monaco-vscode-api/vscode/src/vs/workbench/contrib/meteredConnection',
  'monaco-vscode-extensions-service-override/vscode/src/vs/workbench/services/extensionManagement',
  'monaco-vscode-theme-service-override/vscode/src/vs/workbench/contrib/themes',
  'monaco-vscode-view-common-service-override/vscode/src/vs/workbench/browser',
].map((folder) => join('node_modules/@codingame', folder))

test('VS Code still has each command that is not offered', () => {
  const files = FOLDERS.flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
  const code = files.filter((file) => file.endsWith('.js')).map((file) => readFileSync(file, 'utf8')).join('\n')
  expect(ABSENT.filter((id) => !code.includes(`"${id}"`))).toEqual([])
})
