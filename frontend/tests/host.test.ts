/**
 * The host page's pure parts: what it believes of a hostile preview and of its iframe, what it says about
 * saving, names, addresses. No DOM.
 */
import { describe, expect, test } from 'vitest'
import { failure } from '../src/host/api'
import { mayCarry } from '../src/host/courier'
import { Greeting } from '../src/host/greeting'
import { pretty, requestPath, size } from '../src/host/http'
import { keyName } from '../src/host/keys'
import { freeName, nameProblem } from '../src/host/names'
import { isReady } from '../src/host/port'
import { guessNavigation, isModulePath, readOpen, toPath } from '../src/host/preview-rules'
import { describeSave } from '../src/host/save-state'
import { variableProblem } from '../src/host/settings'
import { ago, duration } from '../src/host/time'

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
