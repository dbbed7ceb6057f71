/** N1–N3: where others' cursors are shown while everybody types. */
import { expect, test } from 'vitest'
import { ChangeSet, toText } from '../src/sync/text'
import { Person, TestClock, quiet, settle } from './harness'
import { ModelServer } from './model-server'

const insert = (person: Person, at: number, text: string): void =>
  person.client.edit('f1', ChangeSet.of({ from: at, insert: toText(text) }, person.client.replica.text('f1')!.length))
const caret = (person: Person, at: number): void => person.client.presence.moved('f1', [{ anchor: at, head: at }])
const seen = (person: Person, other: Person): number[] => person.client.presence.ranges(other.client.id).map((range) => range.head)
const names = (person: Person): string[] => person.client.presence.colleagues.map((each) => each.person.name)
const frames = (person: Person): number => person.sent.filter((frame) => frame.t === 'presence').length

async function two(text = 'one two\n') {
  const [server, clock] = [new ModelServer({ 'a.py': text }), new TestClock()]
  const [ada, ben] = [new Person(server, clock, 'ada'), new Person(server, clock, 'ben')]
  await quiet([ada, ben], clock)
  const carry = async (): Promise<void> => {
    clock.advance(100)
    for (const person of [ada, ben]) {
      while (person.carryUp());
      await settle()
    }
    for (const person of [ada, ben]) while (person.carryDown());
    await settle()
  }
  return { server, clock, ada, ben, people: [ada, ben], carry }
}

test('N2 everybody hears who is here, who came and who left', async () => {
  const { server, clock, ada, ben, carry } = await two()
  expect([names(ada), names(ben)]).toEqual([['ben'], ['ada']])
  const cem = new Person(server, clock, 'cem')
  await quiet([cem], clock)
  await carry()
  expect(names(cem)).toEqual(['ada', 'ben'])
  expect(names(ada)).toEqual(['ben', 'cem'])
  cem.cut()
  await carry()
  expect(names(ada)).toEqual(['ben'])
  ben.cut()
  expect(names(ben)).toEqual([])
})

test('a cursor is shown where it is, with what the one who looks has not sent yet', async () => {
  const { ada, ben, carry } = await two()
  caret(ada, 4)
  await carry()
  expect(seen(ben, ada)).toEqual([4])
  insert(ben, 0, '## ')
  expect(seen(ben, ada)).toEqual([7])
})

test('N1 a typist’s cursor stands behind what was typed, without a word of presence', async () => {
  const { ada, ben, people, clock, carry } = await two()
  caret(ada, 4)
  await carry()
  const before = frames(ada)
  for (const key of ['x', 'y', 'z']) {
    insert(ada, 4 + 'xyz'.indexOf(key), key)
    caret(ada, 5 + 'xyz'.indexOf(key))
    await carry()
  }
  await quiet(people, clock)
  expect(seen(ben, ada)).toEqual([7])
  expect(frames(ada)).toBe(before)
})

test('a cursor stays before what others type where it stands', async () => {
  const { ada, ben, people, clock, carry } = await two()
  caret(ada, 4)
  await carry()
  insert(ben, 4, 'mine ')
  await quiet(people, clock)
  expect(seen(ben, ada)).toEqual([4])
})

test('a presence older or newer than the batches seen is mapped over them, or waits', async () => {
  const { ada, ben, people, clock } = await two()
  insert(ben, 0, '12')
  while (ben.carryUp());
  while (ben.carryDown());
  caret(ada, 3) // Ada has not seen Ben's batch
  while (ada.carryUp());
  while (ben.carryDown());
  expect(seen(ben, ada)).toEqual([5])
  await quiet(people, clock)
  expect(seen(ben, ada)).toEqual([5])
})

test('N3 moving is told at most once in 80 ms, and the newest wins', async () => {
  const { ada, ben, clock, carry } = await two()
  const before = frames(ada)
  for (let at = 0; at < 8; at++) caret(ada, at)
  expect(frames(ada)).toBe(before + 1)
  await carry()
  expect(frames(ada)).toBe(before + 2)
  expect(seen(ben, ada)).toEqual([7])
  caret(ada, 7)
  clock.advance(200)
  expect(frames(ada)).toBe(before + 2)
})

test('who has no file of the worker before them is here all the same', async () => {
  const { ada, ben, carry } = await two()
  caret(ada, 1)
  await carry()
  ada.client.presence.moved(null, [])
  await carry()
  expect(seen(ben, ada)).toEqual([])
  expect(ben.client.presence.colleagues).toMatchObject([{ file: null, person: { name: 'ada' } }])
})

test('a changed role counts at once', async () => {
  const { ada } = await two()
  const roles: string[] = []
  ada.client.onRole = () => roles.push(ada.client.role)
  ada.down.push({ t: 'role', role: 'viewer' })
  ada.carryDown()
  expect(roles).toEqual(['viewer'])
  expect(() => ada.client.rename('a.py', 'b.py')).toThrow('You can view this worker, but not change it.')
})
