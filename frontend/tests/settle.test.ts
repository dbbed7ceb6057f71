/** What VS Code is told of a list of completions that comes in two steps. VS Code itself stands aside here: its part is in the browser tests. */
import { beforeEach, expect, test, vi } from 'vitest'

const { executeCommand, window } = vi.hoisted(() => ({ executeCommand: vi.fn(() => Promise.resolve()), window: { activeTextEditor: undefined as unknown } }))
vi.mock('vscode', () => ({
  window,
  commands: { executeCommand },
  Range: class {
    constructor(readonly start: unknown, readonly end: unknown) {}
  },
  CancellationTokenSource: class {
    token = {}
  },
  CompletionTriggerKind: { TriggerForIncompleteCompletions: 2 },
}))
const { settling } = await import('../src/workbench/languages/settle')

const place = (character: number) => ({ line: 0, character, isAfter: (other: { character: number }) => character > other.character, isEqual: (other: { character: number }) => character === other.character })
const document = { uri: 'file:///main.py', version: 1, getText: () => 'ma' }
const token = { isCancellationRequested: false }
const list = (labels: string[], isIncomplete: boolean) => ({ items: labels.map((label) => ({ label })), isIncomplete })

/** Asks at column 4; `answers` are what the server says, one after the other. */
async function asked(answers: (() => unknown)[]): Promise<{ told: unknown; questions: number }> {
  let questions = 0
  const next = () => Promise.resolve(answers[questions++]?.())
  const told = await settling()(document as never, place(4) as never, {} as never, token as never, next as never)
  await new Promise((resolve) => setTimeout(resolve, 5))
  return { told, questions }
}

beforeEach(() => {
  executeCommand.mockClear()
  document.version = 1
  window.activeTextEditor = { document, selection: { active: place(4) } }
})

test('an empty list that says that more is coming is asked for again before VS Code hears of it', async () => {
  const { told, questions } = await asked([() => list([], true), () => list(['Decimal'], false)])
  expect([told, questions]).toEqual([list(['Decimal'], false), 2])
  expect(executeCommand).not.toHaveBeenCalled()
})

test('where the word has grown meanwhile, the question is put anew for all of it', async () => {
  const grown = () => {
    document.version = 2
    window.activeTextEditor = { document, selection: { active: place(6) } }
    return list([], true)
  }
  const { told, questions } = await asked([grown])
  expect([told, questions]).toEqual([null, 1])
  expect(executeCommand).toHaveBeenCalledExactlyOnceWith('editor.action.triggerSuggest', { auto: true })
})

test('an empty list that is settled is the answer', async () => {
  expect(await asked([() => list([], false)])).toEqual({ told: list([], false), questions: 1 })
})

test('a list with something in it is shown at once, and its rest when that is there', async () => {
  const { told, questions } = await asked([() => list(['dec'], true), () => list(['dec', 'Decimal'], false)])
  expect([told, questions]).toEqual([list(['dec'], true), 2])
  expect(executeCommand).toHaveBeenCalledExactlyOnceWith('editor.action.triggerSuggest')
})
