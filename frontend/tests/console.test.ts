/** What the Console shows of what a worker prints. */
import { describe, expect, test } from 'vitest'
import { ConsoleModel, MAX_ROWS, failed, matches, splitError, type Row } from '../src/host/console-model'
import type { LogToClient } from '../src/wire/messages'

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
