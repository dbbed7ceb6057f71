import { afterEach, expect, test, vi } from 'vitest'
import { noteCompiled } from '../src/host/compiled'

afterEach(() => void vi.unstubAllGlobals())

test.each([['https:', '; Secure'], ['http:', '']])('that the editor is compiled is kept for a year, over %s', (protocol, secure) => {
  const written = { cookie: '' }
  vi.stubGlobal('location', { protocol })
  vi.stubGlobal('document', written)
  noteCompiled('assets/editor-a.js')
  expect(written.cookie).toBe(`editor=assets/editor-a.js; Path=/workers; Max-Age=31536000; SameSite=Lax${secure}`)
})
