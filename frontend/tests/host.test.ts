/**
 * The host page's pure parts: what it believes of a hostile preview and of its iframe, when it connects again, what the
 * console holds, what it says about saving. No DOM.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { failure } from '../src/host/api'
import { Backoff } from '../src/host/backoff'
import { ConsoleModel, MAX_ROWS, failed, matches, splitError, type Row } from '../src/host/console-model'
import { mayCarry } from '../src/host/courier'
import { Greeting } from '../src/host/greeting'
import { pretty, requestPath, size } from '../src/host/http'
import { keyName } from '../src/host/keys'
import { Line, type LineState } from '../src/host/line'
import { freeName, nameProblem } from '../src/host/names'
import { isReady } from '../src/host/port'
import { guessNavigation, isModulePath, readOpen, toPath } from '../src/host/preview-rules'
import { describeSave } from '../src/host/save-state'
import { variableProblem } from '../src/host/settings'
import { ago, duration } from '../src/host/time'
import type { LogToClient } from '../src/wire/messages'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('O14: from a preview only {open: path, line} is believed', () => {
  test('an error page may open a module at a line', () => {
    expect(readOpen({ open: 'lib/pricing.py', line: 21 })).toEqual({ path: 'lib/pricing.py', line: 21 })
  })

  test.each([
    ['nothing', null],
    ['a string', 'open'],
    ['an array', [{ open: 'main.py', line: 1 }]],
    ['another key', { open: 'main.py', line: 1, focus: true }],
    ['no line', { open: 'main.py' }],
    ['a line of text', { open: 'main.py', line: '1' }],
    ['line 0', { open: 'main.py', line: 0 }],
    ['half a line', { open: 'main.py', line: 1.5 }],
    ['no number', { open: 'main.py', line: NaN }],
    ['a huge line', { open: 'main.py', line: 1e9 }],
    ['an absolute path', { open: '/etc/passwd', line: 1 }],
    ['a way up', { open: 'lib/../../main.py', line: 1 }],
    ['an empty path', { open: '', line: 1 }],
    ['an empty segment', { open: 'lib//main.py', line: 1 }],
    ['a backslash', { open: 'lib\\main.py', line: 1 }],
    ['a NUL', { open: 'main.py\0', line: 1 }],
    ['a path of 4 KB', { open: 'a'.repeat(4096), line: 1 }],
    ['a path that is an object', { open: { toString: (): string => 'main.py' }, line: 1 }],
  ])('%s is ignored', (_what, data) => {
    expect(readOpen(data)).toBeNull()
  })

  test('a dotted name is still a module path, and . is not', () => {
    expect(isModulePath('.env.py')).toBe(true)
    expect(isModulePath('./main.py')).toBe(false)
  })
})

describe('a frame goes to the connection that the iframe had in mind', () => {
  test('what a busy iframe still says to the old connection is not the first frame of the new one', () => {
    const greeting = new Greeting()
    greeting.told()
    expect(['op', 'hello', 'op', 'ping'].map((kind) => greeting.passes(kind))).toEqual([false, true, true, true])
    greeting.told()
    expect(['op', 'presence', 'hello', 'op'].map((kind) => greeting.passes(kind))).toEqual([false, false, true, true])
  })

  test('nor is a hello that it says to a connection which came and went meanwhile', () => {
    const greeting = new Greeting()
    greeting.told()
    greeting.told()
    expect(['hello', 'op', 'hello', 'op'].map((kind) => greeting.passes(kind))).toEqual([false, false, true, true])
  })

  test('an iframe that is loaded anew begins from the start', () => {
    const greeting = new Greeting()
    greeting.told()
    greeting.forget()
    greeting.told()
    expect(['op', 'hello', 'op'].map((kind) => greeting.passes(kind))).toEqual([false, true, true])
  })
})

describe('O5: a port goes to the iframe of the exact origin only', () => {
  const frame = {} as Window
  const origin = 'http://editor.localhost:8000'
  const from = (change: object) => ({ source: frame, origin, data: { t: 'ready' }, ...change }) as unknown as MessageEvent

  test('the iframe that asks from its own origin is answered', () => {
    expect(isReady(from({}), frame, origin)).toBe(true)
  })

  test.each(['http://editor.localhost:8001', 'https://editor.localhost:8000', 'http://editor.localhost', 'http://editor.localhost:8000.evil.test', 'http://xeditor.localhost:8000', 'http://editor.localhost.evil.test:8000', 'null', ''])(
    'O1: the look-alike origin “%s” is not',
    (claimed) => {
      expect(isReady(from({ origin: claimed }), frame, origin)).toBe(false)
    },
  )

  test.each([{ source: {} }, { source: null }, { data: 'ready' }, { data: { t: 'port' } }, { data: null }])('another window or message is not: %o', (change) => {
    expect(isReady(from(change), frame, origin)).toBe(false)
  })

  test('an iframe that is gone is not', () => {
    expect(isReady(from({ source: null }), null, origin)).toBe(false)
  })
})

describe('the courier carries only what the sync client needs of this worker', () => {
  const digest = 'ab'.repeat(32)
  test.each(['snapshot', `blobs/${digest}`, 'versions/12/files'])('it fetches %s', (path) => {
    expect(mayCarry(`/api/v1/workers/hello/${path}`, 'hello', 'GET')).toBe(true)
  })

  test.each([
    '/api/v1/workers/other/snapshot', '/api/v1/workers/hello/variables', '/api/v1/workers/hello/deployments', '/api/v1/workers/hello', '/api/v1/workers',
    '/api/v1/workers/hello/../other/snapshot', '/api/v1/workers/hello/%2e%2e/other/snapshot', '/api/v1/workers/hello/snapshot?x=1', '/api/v1/workers/hello/snapshot#x',
    'http://evil.test/api/v1/workers/hello/snapshot', '//evil.test/api/v1/workers/hello/snapshot', `/api/v1/workers/hello/blobs/${digest}/..`, '/api/v1/workers/hello/blobs/AB',
  ])('it refuses %s', (path) => {
    expect(mayCarry(path, 'hello', 'GET')).toBe(false)
  })

  test('it uploads blobs and nothing else', () => {
    expect(mayCarry(`/api/v1/workers/hello/blobs/${digest}`, 'hello', 'PUT')).toBe(true)
    expect(mayCarry('/api/v1/workers/hello/snapshot', 'hello', 'PUT')).toBe(false)
  })
})

describe('connecting again', () => {
  test('waits double, stay under the cap, and keep at least half of it', () => {
    const slow = new Backoff(250, 15_000, () => 0.999)
    const fast = new Backoff(250, 15_000, () => 0)
    const waits = Array.from({ length: 10 }, () => [fast.next(), slow.next()] as const)
    expect(waits[0]).toEqual([125, 250])
    expect(waits[3]).toEqual([1000, 1999])
    expect(waits[9]?.[0]).toBe(7500)
    expect(waits[9]?.[1]).toBeLessThanOrEqual(15_000)
    slow.reset()
    expect(slow.next()).toBe(250)
  })

  class FakeSocket {
    static made: FakeSocket[] = []
    onopen: (() => void) | null = null
    onclose: ((event: { code: number }) => void) | null = null
    onmessage: ((event: { data: unknown }) => void) | null = null
    sent: string[] = []
    constructor(readonly url: string) {
      FakeSocket.made.push(this)
    }
    send(text: string) {
      this.sent.push(text)
    }
    close() {}
  }

  function line() {
    vi.useFakeTimers()
    FakeSocket.made = []
    const online: (() => void)[] = []
    vi.stubGlobal('WebSocket', FakeSocket)
    vi.stubGlobal('addEventListener', (name: string, run: () => void) => name === 'online' && online.push(run))
    vi.stubGlobal('document', { addEventListener: () => undefined, visibilityState: 'visible' })
    const states: [LineState, string?][] = []
    const frames: string[] = []
    const made = new Line('ws://x', { state: (state, why) => states.push(why ? [state, why] : [state]), frame: (text) => frames.push(text) }, new Backoff(1000, 8000, () => 0.5))
    made.start()
    return { made, states, frames, online, sockets: FakeSocket.made }
  }

  test('a lost line comes back by itself, and drops what is sent meanwhile', () => {
    const { made, states, sockets } = line()
    sockets[0]?.onopen?.()
    expect(made.send('a')).toBe(true)
    sockets[0]?.onclose?.({ code: 1006 })
    expect(made.send('b')).toBe(false)
    expect(states.map(([state]) => state)).toEqual(['connecting', 'open', 'waiting'])
    vi.advanceTimersByTime(750)
    expect(sockets).toHaveLength(2)
    expect(sockets[0]?.sent).toEqual(['a'])
  })

  test('the network coming back ends the wait at once', () => {
    const { sockets, online } = line()
    sockets[0]?.onclose?.({ code: 1006 })
    online[0]?.()
    expect(sockets).toHaveLength(2)
  })

  test('a connection that never opens is given up after 10 s', () => {
    const { sockets } = line()
    vi.advanceTimersByTime(10_000)
    vi.advanceTimersByTime(750)
    expect(sockets).toHaveLength(2)
  })

  test('frames of a connection that was given up are not heard', () => {
    const { made, sockets, frames } = line()
    const first = sockets[0]
    first?.onopen?.()
    const late = first?.onmessage
    made.renew()
    expect(first?.onmessage).toBeNull()
    expect(late).not.toBeNull()
    expect(frames).toEqual([])
  })

  test.each([4401, 4403, 4404, 4400])('close code %i ends it for good, with a sentence', (code) => {
    const { made, states, sockets } = line()
    sockets[0]?.onclose?.({ code })
    vi.advanceTimersByTime(60_000)
    expect(sockets).toHaveLength(1)
    expect(made.state).toBe('ended')
    expect(states.at(-1)?.[1]).toMatch(/\.$/)
  })
})

describe('what the bar says', () => {
  const open = { lineOpen: true, everOpen: true, ended: '' }
  test('saved only when the client has said so over an open line', () => {
    expect(describeSave({ client: { state: 'saved', waiting: 0 }, ...open })).toMatchObject({ state: 'saved', text: 'Saved' })
    expect(describeSave({ client: null, ...open }).state).toBe('offline')
    expect(describeSave({ client: { state: 'saved', waiting: 0 }, ...open, lineOpen: false }).state).toBe('offline')
    expect(describeSave({ client: { state: 'saved', waiting: 2 }, ...open }).state).toBe('saving')
  })

  test('offline counts the edits that are kept', () => {
    const said = (waiting: number) => describeSave({ client: { state: 'offline', waiting }, ...open, lineOpen: false }).text
    expect([said(0), said(1), said(3)]).toEqual(['Offline', 'Offline, 1 edit kept here', 'Offline, 3 edits kept here'])
  })

  test('edits that the server would refuse are not called offline', () => {
    expect(describeSave({ client: { state: 'offline', waiting: 1 }, ...open })).toMatchObject({ state: 'offline', text: 'Not saved: 1 edit kept here' })
  })

  test('a line that ended for good says so, and what is not saved', () => {
    expect(describeSave({ client: { state: 'saving', waiting: 2 }, lineOpen: false, everOpen: true, ended: 'Gone.' })).toEqual({ state: 'offline', text: 'Not saved: 2 edits kept here', title: 'Gone.' })
  })
})

describe('the console', () => {
  const log = (change: Partial<LogToClient>): LogToClient => ({ t: 'log', request: 'r', method: 'GET', path: '/', status: 200, ms: 1, at: 1, revision: 1, records: [], dropped: 0, ...change })
  const record = (level: string, text: string) => ({ level, text, at: 1 })
  const row = (change: Partial<Row>): Row => ({ id: 'r', method: 'GET', path: '/orders/7', status: 200, ms: 1, at: 1, revision: 1, records: [], dropped: 0, ...change })

  test('frames of one request become one row, whatever their order', () => {
    const model = new ConsoleModel()
    model.add(log({ status: 0, records: [record('info', 'a')] }), false)
    const { fresh, row: merged } = model.add(log({ status: 500, ms: 2, records: [record('error', 'b')], dropped: 3 }), false)
    expect(fresh).toBe(false)
    expect(model.rows).toHaveLength(1)
    expect(merged).toMatchObject({ status: 500, ms: 2, dropped: 3 })
    expect(merged.records.map((each) => each.text)).toEqual(['a', 'b'])
  })

  test('a failure is counted once, and not while somebody watches', () => {
    const model = new ConsoleModel()
    model.add(log({ status: 500 }), false)
    model.add(log({ status: 500 }), false)
    model.add(log({ request: 'seen', status: 503 }), true)
    model.add(log({ request: 'fine', status: 404 }), false)
    expect(model.unseenFailures).toBe(1)
  })

  test('an error printed outside any request is a failure too', () => {
    expect(failed(row({ method: '', status: 0, records: [record('error', 'x')] }))).toBe(true)
    expect(failed(row({ status: 200, records: [record('error', 'logged, but answered')] }))).toBe(false)
  })

  test('S5: endless rows and records stay bounded, and what went is counted', () => {
    const model = new ConsoleModel()
    for (let n = 0; n < MAX_ROWS + 50; n++) model.add(log({ request: `r${n}` }), false)
    expect(model.rows).toHaveLength(MAX_ROWS)
    expect(model.gone).toBe(50)
    for (let n = 0; n < 30; n++) model.add(log({ request: 'many', records: Array.from({ length: 100 }, () => record('info', 'x')) }), false)
    const many = model.rows.at(-1)
    expect(many?.records).toHaveLength(1000)
    expect(many?.dropped).toBe(2000)
  })

  test.each([
    ['', true], ['status:200', true], ['status:2', true], ['status:5', false], ['/orders', true], ['/about', false], ['method:get', true], ['get orders', true], ['hello', true],
    ['HELLO status:200', true], ['hello status:500', false], ['level:warn', true], ['level:error', false],
  ])('the filter “%s” matches: %s', (query, expected) => {
    expect(matches(row({ records: [record('warning', 'Hello there')] }), query, '')).toBe(expected)
  })

  test('levels show what is as bad or worse', () => {
    expect(matches(row({}), '', 'warning')).toBe(false)
    expect(matches(row({ status: 404 }), '', 'warning')).toBe(true)
    expect(matches(row({ status: 404 }), '', 'error')).toBe(false)
    expect(matches(row({ status: 500 }), '', 'error')).toBe(true)
  })

  test('a traceback is split into what happened and how', () => {
    const text = 'Traceback (most recent call last):\n  File "/worker/main.py", line 1\nValueError: no\n'
    expect(splitError(text).what).toBe('ValueError: no')
    expect(splitError('first\nsecond')).toEqual({ what: 'first', how: 'second' })
  })
})

describe('the preview’s address', () => {
  const origin = 'http://p-abc.localhost:8001'
  test.each([
    ['', '/'], ['/a?b=1', '/a?b=1'], ['about', '/about'], [`${origin}/x#y`, '/x#y'], ['//evil.test/x', '/'], ['http://evil.test/', '/'], ['javascript:alert(1)', '/javascript:alert(1)'], ['/a/../b', '/b'], ['/é x', '/%C3%A9%20x'],
  ])('“%s” becomes “%s”', (typed, path) => {
    expect(toPath(typed, origin)).toBe(path)
  })

  const seen = (method: string, path: string, status: number, at: number) => ({ method, path, status, at })
  test('a link followed in the pane is noticed, assets and redirects are not pages', () => {
    expect(guessNavigation([seen('GET', '/style.css', 200, 2), seen('GET', '/about', 200, 1)])).toEqual({ path: '/about', repeatable: true })
    expect(guessNavigation([seen('POST', '/notes', 303, 1), seen('GET', '/', 200, 2)])).toEqual({ path: '/', repeatable: true })
    expect(guessNavigation([])).toBeNull()
  })

  test('a page that answered a POST is never asked for again by itself', () => {
    expect(guessNavigation([seen('POST', '/pay', 200, 1), seen('GET', '/poll', 200, 2)])).toEqual({ path: '/pay', repeatable: false })
  })
})

describe('names', () => {
  const rules = { reserved: ['www', 'editor'], taken: ['hello', 'hello-2'] }
  test.each(['a', 'price-list', 'w2', 'a'.repeat(58)])('“%s” can be used', (name) => expect(nameProblem(name, rules)).toBe(''))
  test.each(['', 'Hello', '2x', '-x', 'x-', 'a b', 'a_b', 'é', 'p-x', 'www', 'hello', 'a'.repeat(59)])('“%s” is refused with a sentence', (name) => expect(nameProblem(name, rules)).toMatch(/\.$/))
  test('a copy gets a free name', () => {
    expect(freeName('hello', rules.taken)).toBe('hello-3')
    expect(freeName('hello-2', rules.taken)).toBe('hello-3')
    expect(freeName('shop', rules.taken)).toBe('shop')
  })
  test('a variable is a name that Python can read', () => {
    expect(variableProblem('CURRENCY', {})).toBe('')
    for (const bad of ['', '1A', 'A-B', 'A B', 'TAKEN', 'x'.repeat(65)]) expect(variableProblem(bad, { TAKEN: '' })).toMatch(/\.$/)
    expect(variableProblem('toString', {})).toBe('')
  })
})

describe('small things', () => {
  test('the API’s errors and everybody else’s become one shape', () => {
    expect(failure(409, '{"error":{"code":"taken","message":"Taken.","hint":"Choose another."}}').said).toBe('Taken. Choose another.')
    expect(failure(502, '<html>').message).toBe('The server answered 502.')
    expect(failure(403, '').hint).toMatch(/sign in/)
  })

  test('keys are named, and keys of the browser are left alone', () => {
    const key = (change: object) => ({ key: '', code: '', ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...change })
    expect(keyName(key({ key: 'Enter', ctrlKey: true, shiftKey: true }))).toBe('deploy')
    expect(keyName(key({ key: 'Enter', ctrlKey: true }))).toBe('')
    expect(keyName(key({ key: '2', code: 'Digit2', altKey: true }))).toBe('tab-2')
    expect(keyName(key({ key: 'F6', shiftKey: true }))).toBe('previous-region')
    expect(keyName(key({ key: '@', code: 'Digit2', altKey: true, ctrlKey: true }))).toBe('') // AltGr
  })

  test('times and sizes are said in figures', () => {
    const now = new Date(2026, 10, 24, 12)
    const before = (seconds: number) => ago(new Date(now.getTime() - seconds * 1000), now)
    const words = [0, 4, 5, 59, 60, 7200, 86_400, 86_400 * 2, 86_400 * 6, 86_400 * 7, 86_400 * 15].map(before)
    expect(words).toEqual(['just now', 'just now', '5 s ago', '59 s ago', '1 min ago', '2 h ago', 'yesterday', '2 days ago', '6 days ago', '17 Nov', '9 Nov'])
    expect([duration(0.8), duration(3.14), duration(12.4), duration(1234)]).toEqual(['0.80 ms', '3.1 ms', '12 ms', '1.2 s'])
    expect([size({ body: 'é' }), size({ body: 'AAAA', encoding: 'base64' }), size({ body: '', size: 2048 })]).toEqual(['2 B', '3 B', '2.0 KB'])
  })

  test('a typed path becomes a request path, and JSON is indented only where it is JSON', () => {
    expect([requestPath('a b'), requestPath('/é?x=1')]).toEqual(['/a%20b', '/%C3%A9?x=1'])
    expect([pretty('{"a":1}', 'application/json'), pretty('{"a":1', 'application/json'), pretty('{"a":1}', 'text/plain')]).toEqual(['{\n  "a": 1\n}', '{"a":1', '{"a":1}'])
  })
})
