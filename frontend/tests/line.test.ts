/** The host page's line to the server: it comes back by itself, and ends for good where the server says so. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Backoff } from '../src/host/backoff'
import { Line, type LineState } from '../src/host/line'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
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
