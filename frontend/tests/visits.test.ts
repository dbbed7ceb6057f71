import { afterEach, describe, expect, test, vi } from 'vitest'
import { EditorVisits } from '../src/host/visits'

afterEach(() => void vi.unstubAllGlobals())

describe('whether the browser is likely to have the editor’s scripts compiled', () => {
  const HOUR = 3_600_000

  function visits(build: string, at: number): EditorVisits {
    return new EditorVisits(build, () => at)
  }

  function keep(): Map<string, string> {
    const kept = new Map<string, string>()
    vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) })
    return kept
  }

  test('from the third opening of one build on', () => {
    keep()
    const seen = [0, 1, 2].map((hours) => {
      const opening = visits('a', hours * HOUR)
      const before = opening.compiled
      opening.note()
      return before
    })
    expect(seen).toEqual([false, false, true])
    expect(visits('b', 3 * HOUR).compiled).toBe(false)
  })

  test('a second opening after three days is a first one', () => {
    keep()
    for (const [at, after] of [[0, false], [73, false], [74, true], [1000, true]] as const) {
      visits('a', at * HOUR).note()
      expect(visits('a', at * HOUR).compiled, `${at} hours`).toBe(after)
    }
  })

  test('where storage is refused or holds nonsense, nothing is expected and nothing fails', () => {
    const refused = () => {
      throw new DOMException('refused', 'SecurityError')
    }
    vi.stubGlobal('localStorage', { getItem: refused, setItem: refused })
    visits('a', 0).note()
    expect(visits('a', 0).compiled).toBe(false)
    keep().set('quickedit:editor-visits', '{"build":')
    expect(visits('a', 0).compiled).toBe(false)
  })
})
