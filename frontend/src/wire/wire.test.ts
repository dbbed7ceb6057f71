/** The decoder against the golden files that the server's tests read too: `tests/contract/wire`. */
import { describe, expect, test } from 'vitest'
import { BadFrame, decodeFromEditor, decodeToClient, decodeToEditor, decodeToHost, decodeToServer } from './codec'
import { MAX_FRAME } from './messages'
import toClient from '../../../tests/contract/wire/to-client.json'
import toEditor from '../../../tests/contract/wire/to-editor.json'
import toHost from '../../../tests/contract/wire/to-host.json'
import toServer from '../../../tests/contract/wire/to-server.json'

const directions = [
  ['to the server', decodeToServer, toServer],
  ['to the client', decodeToClient, toClient],
  ['to the host page', decodeToHost, toHost],
  ['to the editor', decodeToEditor, toEditor],
] as const

describe.each(directions)('%s', (_name, decode, golden) => {
  test.each(golden.valid.map((message) => [message.t, message] as const))('%s is read as it was written', (_t, message) => {
    expect(decode(JSON.stringify(message))).toEqual(message)
  })

  test.each(golden.invalid.map((each) => [each.why, each.frame] as const))('refused: %s', (_why, frame) => {
    expect(() => decode(frame)).toThrow(BadFrame)
  })
})

test('what the iframe says may be meant for the host page or for the server', () => {
  for (const message of [...toHost.valid, ...toServer.valid]) expect(decodeFromEditor(JSON.stringify(message))).toEqual(message)
  expect(() => decodeFromEditor('{"t":"committed"}')).toThrow(BadFrame)
})

test('an unknown kind is refused by its name', () => {
  expect(() => decodeToClient('{"t":"zap"}')).toThrow('"zap"')
})

test('a frame over the limit is refused', () => {
  expect(() => decodeToClient(' '.repeat(MAX_FRAME) + '{"t":"focus"}')).toThrow('limit')
})
