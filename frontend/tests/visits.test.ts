import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EditorVisits } from '../src/host/visits'

describe('whether the browser is likely to have the editor’s scripts compiled', () => {
  /** The browser's cookies, which say nothing of how long they are kept; and what was written last. */
  let jar: Map<string, string>
  let written: string

  beforeEach(() => {
    jar = new Map([['theme', 'dark'], ['editors', 'no']])
    vi.stubGlobal('location', { protocol: 'https:' })
    vi.stubGlobal('document', {
      get cookie(): string {
        return [...jar].map((pair) => pair.join('=')).join('; ')
      },
      set cookie(text: string) {
        written = text
        const [name = '', value = ''] = text.split(';')[0]!.split('=')
        jar.set(name, value)
      },
    })
  })
  afterEach(() => void vi.unstubAllGlobals())

  test('from the third opening of one build on', () => {
    const seen = [0, 1, 2, 3].map(() => {
      const opening = new EditorVisits('assets/a.js')
      const before = opening.compiled
      opening.note()
      return before
    })
    expect(seen).toEqual([false, false, true, true])
    expect(new EditorVisits('assets/b.js').compiled).toBe(false)
  })

  test('a first opening counts for three days, what is compiled for a year', () => {
    new EditorVisits('a').note()
    expect(written).toBe('editor=opened:a; Path=/workers; Max-Age=259200; SameSite=Lax; Secure')
    new EditorVisits('a').note()
    expect(written).toBe('editor=compiled:a; Path=/workers; Max-Age=31536000; SameSite=Lax; Secure')
  })

  test('another build begins anew, and nonsense is nothing', () => {
    for (const kept of ['compiled:b', 'opened:b', 'compiled', '']) {
      jar.set('editor', kept)
      new EditorVisits('a').note()
      expect(jar.get('editor'), kept).toBe('opened:a')
    }
  })
})
