/** What the language client may send: no frame over the bridge's limit, and never a change of a text that the server lacks. */
import { describe, expect, test } from 'vitest'
import type { Message, NotificationMessage } from 'vscode-jsonrpc/browser.js'
import { Fitting } from '../src/workbench/languages/fitting'
import { MAX_FRAME } from '../src/wire/messages'

const RPC = { jsonrpc: '2.0' }
const URI = 'file:///worker/main.py'
const LARGE = '"'.repeat(MAX_FRAME * 0.6) // twice as long in JSON

const open = (text: string): NotificationMessage => ({ ...RPC, method: 'textDocument/didOpen', params: { textDocument: { uri: URI, version: 1, text } } })
const change = (text: string): NotificationMessage => ({
  ...RPC,
  method: 'textDocument/didChange',
  params: { textDocument: { uri: URI, version: 2 }, contentChanges: [{ range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, text }] },
})
const whole = (text: string): NotificationMessage => ({ ...RPC, method: 'textDocument/didChange', params: { textDocument: { uri: URI, version: 2 }, contentChanges: [{ text }] } })
const close: NotificationMessage = { ...RPC, method: 'textDocument/didClose', params: { textDocument: { uri: URI } } }
const size = (message: unknown): number => JSON.stringify({ t: 'lsp', body: message }).length

function fitting(): { fitting: Fitting; shown: { text: string } } {
  const shown = { text: '' }
  return { fitting: new Fitting((uri) => (uri === URI ? shown.text : undefined)), shown }
}

describe('a document whose text does not fit a frame', () => {
  test('what fits passes as it is', () => {
    const { fitting: line } = fitting()
    for (const message of [open('x = 1\n'), change('y'), close, { ...RPC, method: 'textDocument/hover', id: 1 } as NotificationMessage, { ...RPC, id: 2, result: null } as Message]) {
      expect(line.fit(message)).toBe(message)
    }
  })

  test('is opened with a text of a length that analysers refuse', () => {
    const { fitting: line } = fitting()
    const sent = line.fit(open(LARGE)) as unknown as { params: { textDocument: { uri: string; version: number; text: string } } }
    expect(sent.params.textDocument).toMatchObject({ uri: URI, version: 1 })
    expect(sent.params.textDocument.text.length).toBeGreaterThan(256 * 1024)
    expect(size(sent)).toBeLessThanOrEqual(MAX_FRAME)
  })

  test('is told of as a whole once it fits, and key by key from there on', () => {
    const { fitting: line, shown } = fitting()
    line.fit(open(LARGE))
    shown.text = LARGE + 'x'
    expect(line.fit(change('x'))).toBeNull()
    shown.text = 'small\n'
    expect(line.fit(change(''))).toEqual(whole('small\n'))
    expect(line.fit(change('y'))).toEqual(change('y'))
  })

  test('a paste that does not fit replaces the whole text there', () => {
    const { fitting: line, shown } = fitting()
    line.fit(open('x = 1\n'))
    shown.text = LARGE
    const sent = line.fit(change(LARGE)) as unknown as { params: { contentChanges: object[] } }
    expect(sent.params.contentChanges).toEqual([{ text: expect.stringMatching(/^#+$/) }])
    expect(size(sent)).toBeLessThanOrEqual(MAX_FRAME)
    expect(line.fit(change('z'))).toBeNull()
  })

  test('a closed one is forgotten', () => {
    const { fitting: line } = fitting()
    line.fit(open(LARGE))
    expect(line.fit(close)).toBe(close)
    line.fit(open('x = 1\n'))
    expect(line.fit(change('y'))).toEqual(change('y'))
  })
})
