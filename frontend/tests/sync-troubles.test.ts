import { describe, expect, test } from 'vitest'
import { ChangeSet } from '../src/sync/text'
import type { OpToServer } from '../src/wire/messages'
import { insert, one, ops, pathsOf, textOf, two } from './editing'
import { quiet } from './harness'

describe('connections', () => {
  test('I2 a batch that was committed while the answer was lost is not applied twice', async () => {
    const { server, clock, people, person } = await one({ 'a.py': '' })
    insert(person, 'f1', 0, 'once')
    person.carryUp()
    person.cut()
    await quiet(people, clock)
    expect(server.texts.get('f1')!.toString()).toBe('once')
    expect(textOf(person)).toBe('once')
    expect(server.revision).toBe(1)
  })

  test('a batch that never arrived is sent again under its number', async () => {
    const { server, clock, people, person } = await one({ 'a.py': '' })
    insert(person, 'f1', 0, 'a')
    person.cut()
    expect(person.status.state).toBe('offline')
    insert(person, 'f1', 1, 'b')
    await quiet(people, clock)
    expect(ops(person).map((frame) => frame.seq)).toEqual([1, 1, 2])
    expect(server.texts.get('f1')!.toString()).toBe('ab')
  })

  test('edits made offline are rebased over what happened meanwhile', async () => {
    const { clock, people, ada, ben } = await two({ 'a.py': 'middle' })
    ada.cut()
    insert(ada, 'f1', 6, ' end')
    insert(ben, 'f1', 0, 'start ')
    await quiet([ben], clock)
    await quiet(people, clock)
    expect([textOf(ada), textOf(ben)]).toEqual(['start middle end', 'start middle end'])
    expect(ada.shown.get('f1')!.toString()).toBe('start middle end')
  })

  test('a gap in the revisions asks for a fresh connection, which fills it', async () => {
    const { clock, people, ada, ben } = await two({ 'a.py': '' })
    insert(ben, 'f1', 0, '1')
    await quiet([ben], clock)
    ada.down.shift()
    insert(ben, 'f1', 1, '2')
    await quiet([ben], clock)
    while (ada.carryDown());
    expect(ada.wantsReconnect).toBe(true)
    await quiet(people, clock)
    expect(textOf(ada)).toBe('12')
  })

  test('a connection that answers no ping is given up', async () => {
    const { clock, person } = await one()
    clock.advance(15_000)
    expect(person.up.map((frame) => frame.t)).toEqual(['ping'])
    clock.advance(10_000)
    expect(person.wantsReconnect).toBe(true)
  })

  test('a head revision that never arrives asks for a fresh connection', async () => {
    const { clock, person, server } = await one()
    server.revision = 3
    clock.advance(15_000)
    person.carryUp()
    person.carryDown()
    clock.advance(10_000)
    expect(person.wantsReconnect).toBe(true)
  })

  test('past the log’s floor the client starts from a snapshot; edits of unchanged files stay, others become a copy', async () => {
    const { server, clock, people, ada, ben } = await two({ 'a.py': 'a', 'b.py': 'b' })
    ada.cut()
    insert(ada, 'f1', 1, ' ada')
    insert(ada, 'f2', 1, ' ada')
    insert(ben, 'f1', 0, 'ben ')
    await quiet([ben], clock)
    server.floor = server.revision
    await quiet(people, clock)
    expect(pathsOf(ben)).toEqual(['a-kept.py', 'a.py', 'b.py'])
    expect(textOf(ben)).toBe('ben a')
    expect(textOf(ben, 'f2')).toBe('b ada')
    expect(textOf(ben, server.tree.fileAt('a-kept.py')!.id)).toBe('a ada')
    expect(ada.notices).toHaveLength(1)
  })

  test('stale within what the client has confirmed: the batch goes again on the newer base', async () => {
    const { server, clock, people, ada, ben } = await two({ 'a.py': 'a' })
    insert(ada, 'f1', 1, '!')
    insert(ben, 'f1', 0, '?')
    ben.carryUp()
    server.nextAnswer = (frame) => ({ t: 'stale', seq: frame.seq, floor: 0 })
    await quiet(people, clock)
    expect(ops(ada).map((frame) => [frame.seq, frame.base])).toEqual([[1, 0], [1, 1]])
    expect(server.texts.get('f1')!.toString()).toBe('?a!')
  })
})

describe('refusals', () => {
  const refuse = (code: string) => (frame: OpToServer) => ({ t: 'refused' as const, seq: frame.seq, code, message: `no: ${code}` })

  test('a refused edit goes, what was typed after it stays, and the text is set aside', async () => {
    const { server, clock, people, person } = await one({ 'a.py': 'ac' })
    server.nextAnswer = refuse('bad-input')
    insert(person, 'f1', 1, 'X')
    insert(person, 'f1', 3, '!')
    await quiet(people, clock)
    expect(server.texts.get('f1')!.toString()).toBe('ac!')
    expect(person.shown.get('f1')!.toString()).toBe('ac!')
    expect(person.aside).toEqual([{ path: 'a.py', text: 'aXc!' }])
    expect(person.notices[0]).toMatchObject({ level: 'error', message: 'no: bad-input' })
  })

  test('where the tree’s part is refused the texts’ part is sent again without it', async () => {
    const { server, clock, people, person } = await one({ 'a.py': 'a', 'b.py': 'b' })
    insert(person, 'f2', 1, '!')
    person.client.rename('a.py', 'c.py')
    insert(person, 'f2', 2, '!')
    person.carryUp()
    person.carryDown()
    server.nextAnswer = refuse('conflict')
    await quiet(people, clock)
    expect(server.texts.get('f2')!.toString()).toBe('b!!')
    expect(pathsOf(person)).toEqual(['a.py', 'b.py'])
    expect(person.treeChanges).toContainEqual({ kind: 'file-moved', file: 'f1', path: 'c.py', to: 'a.py' })
  })

  test('a server that cannot just now is asked again, and nothing is dropped', async () => {
    const { server, clock, people, person } = await one({ 'a.py': '' })
    server.nextAnswer = refuse('unavailable')
    insert(person, 'f1', 0, 'kept')
    person.carryUp()
    person.carryDown()
    expect(person.status.state).toBe('saving')
    expect(textOf(person)).toBe('kept')
    clock.advance(2500)
    await quiet(people, clock)
    expect(server.texts.get('f1')!.toString()).toBe('kept')
    expect(ops(person).map((frame) => frame.seq)).toEqual([1, 1])
  })

  test('a module over 1 MiB stays here until it fits, and other modules are saved meanwhile', async () => {
    const { server, clock, people, person } = await one({ 'a.py': '', 'b.py': '' })
    insert(person, 'f1', 0, 'x'.repeat(1024 * 1024 + 1))
    insert(person, 'f2', 0, 'saved')
    while (person.carryUp() || person.carryDown());
    clock.advance(100)
    expect(server.texts.get('f1')!.length).toBe(0)
    expect(server.texts.get('f2')!.toString()).toBe('saved')
    expect(person.status.state).toBe('saving')
    expect(person.notices.map((notice) => notice.message)).toEqual(['a.py is over 1 MiB.'])
    person.client.edit('f1', ChangeSet.of({ from: 0, to: 1024 * 1024 - 9 }, 1024 * 1024 + 1))
    await quiet(people, clock)
    expect(server.texts.get('f1')!.toString()).toBe('x'.repeat(10))
    expect(person.notices.at(-1)).toMatchObject({ message: 'a.py is over 1 MiB.', over: true })
  })

  test('Y6 half a surrogate pair waits for its other half', async () => {
    const { server, clock, people, person } = await one({ 'a.py': '' })
    insert(person, 'f1', 0, '\ud83d')
    expect(ops(person)).toHaveLength(0)
    insert(person, 'f1', 1, '\ude00')
    await quiet(people, clock)
    expect(server.texts.get('f1')!.toString()).toBe('😀')
  })

  test('B1 names that the server would refuse are refused here, in a sentence', async () => {
    const { person } = await one({ 'main.py': '' })
    for (const path of ['', '/a.py', 'a//b.py', '../a.py', 'a\\b.py', 'a\0.py', 'a.', 'a ', 'x'.repeat(256), 'MAIN.py', 'main.py/x.py']) {
      expect(() => person.client.create(path), path).toThrow(/[a-z] .*\.|already exists/)
    }
    expect(pathsOf(person)).toEqual(['main.py'])
  })

  test('somebody who may only view changes nothing', async () => {
    const { person } = await one({ 'main.py': '' })
    person.client.role = 'viewer'
    expect(() => person.client.create('a.py')).toThrow('view')
  })
})
