import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Later } from '../src/workbench/later'
import type { Link } from '../src/workbench/link'

let connection: (frame: { open: boolean }) => void
let sent: { message: string }[]
let later: Later

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  sent = []
  const link = { on: (_: string, heard: typeof connection) => void (connection = heard), send: (frame: { message: string }) => void sent.push(frame) }
  later = new Later(link as unknown as Link)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('what could not be loaded is tried again as soon as the connection is back', async () => {
  const start = vi.fn().mockRejectedValueOnce(new TypeError('Failed to fetch')).mockResolvedValue(undefined)
  const started = later.start('The history', start)
  await vi.advanceTimersByTimeAsync(100)
  connection({ open: false })
  await vi.advanceTimersByTimeAsync(100)
  expect(start).toHaveBeenCalledTimes(1)
  connection({ open: true })
  await started
  expect(start).toHaveBeenCalledTimes(2)
  expect(sent).toEqual([])
})

test('what never comes is told once, after four tries', async () => {
  const start = vi.fn().mockRejectedValue(new TypeError('Failed to fetch'))
  const started = later.start('The history', start)
  await vi.advanceTimersByTimeAsync(15_000)
  await started
  expect(start).toHaveBeenCalledTimes(4)
  expect(sent.map((frame) => frame.message)).toEqual(['The history is not available.'])
})
