import { describe, expect, test } from 'vitest'
import type { AnyOperation } from '../src/wire/messages'
import { insert, one, ops, pathsOf, textOf, two } from './editing'
import { quiet, settle } from './harness'

describe('what is sent', () => {
  test('the first key of a burst leaves at once, the rest wait for its acknowledgement and share a batch', async () => {
    const { person, people, clock } = await one({ 'a.py': '' })
    for (const [at, key] of [...'hello'].entries()) insert(person, 'f1', at, key)
    expect(ops(person)).toHaveLength(1)
    await quiet(people, clock)
    expect(ops(person).map((frame) => frame.ops!.map((op) => (op as { changes: unknown }).changes))).toEqual([[[[0, 'h']]], [[1, [0, 'ello']]]])
  })

  test('a batch holds the tree first, then the texts', async () => {
    const { person, server, people, clock } = await one({ 'a.py': 'a' })
    insert(person, 'f1', 1, 'b')
    insert(person, 'f1', 2, 'c')
    person.client.rename('a.py', 'lib/b.py')
    const file = person.client.create('lib/c.py', 'x\n')
    insert(person, file, 2, 'y\n')
    await quiet(people, clock)
    expect(ops(person)[1]!.ops!.map((op) => op.op)).toEqual(['rename', 'create', 'edit', 'edit'])
    expect(server.tree.fileAt('lib/b.py')?.id).toBe('f1')
    expect(server.texts.get(file)!.toString()).toBe('x\ny\n')
  })

  test('status tells saving, saved and the revision that holds it', async () => {
    const { person, people, clock } = await one()
    expect(person.status).toEqual({ state: 'saved', revision: 0, waiting: 0, kept: true })
    insert(person, 'f1', 0, '#')
    expect(person.status).toEqual({ state: 'saving', revision: 0, waiting: 1, kept: false })
    await quiet(people, clock)
    expect(person.status).toEqual({ state: 'saved', revision: 1, waiting: 0, kept: true })
  })

  test('a run is asked for once everything typed before it is durable', async () => {
    const { person, people, clock } = await one()
    insert(person, 'f1', 0, 'a')
    insert(person, 'f1', 0, 'b')
    person.client.run()
    expect(person.sent.some((frame) => frame.t === 'preview.run')).toBe(false)
    await quiet(people, clock)
    expect(person.sent.slice(-3).map((frame) => frame.t)).toEqual(['op', 'op', 'preview.run'])
    person.client.run()
    expect(person.sent.slice(-1)).toEqual([{ t: 'preview.run' }])
  })

  test('a batch over the inline limit travels as a blob, both ways', async () => {
    const { server, clock, people, ada, ben } = await two({ 'a.py': '' })
    const large = 'x = 1\n'.repeat(60_000)
    insert(ada, 'f1', 0, large)
    await expect.poll(() => ada.up.length).toBe(1)
    expect(ops(ada)[0]).toMatchObject({ t: 'op', seq: 1, base: 0, blob: expect.stringMatching(/^[0-9a-f]{64}$/) })
    const { blob } = ops(ada)[0]!
    ada.carryUp()
    // The real server broadcasts a large batch by digest too.
    for (const person of people) person.down.splice(0, 1, { ...server.log[0]!, ops: null, blob: blob! })
    await quiet(people, clock)
    expect([textOf(ada), textOf(ben)]).toEqual([large, large])
  })

  test('an upload that fails is tried again, and nothing is lost meanwhile', async () => {
    const { clock, people, person, server } = await one({ 'a.py': '' })
    person.failUploads = true
    insert(person, 'f1', 0, 'x = 1\n'.repeat(60_000))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(person.status.state).toBe('saving')
    person.failUploads = false
    clock.advance(2500)
    await expect.poll(() => person.up.length).toBe(1)
    await quiet(people, clock)
    expect(server.texts.get('f1')!.length).toBe(360_000)
  })
})

describe('together', () => {
  test('I1 two insertions at one place end in one order everywhere', async () => {
    const { server, clock, people, ada, ben } = await two({ 'a.py': 'xy' })
    insert(ada, 'f1', 1, 'A')
    insert(ben, 'f1', 1, 'B')
    await quiet(people, clock)
    expect([textOf(ada), textOf(ben), server.texts.get('f1')!.toString()]).toEqual(['xABy', 'xABy', 'xABy'])
    expect(ada.shown.get('f1')!.toString()).toBe('xABy')
  })

  test('typing goes on while others type: flight and buffer are both mapped', async () => {
    const { clock, people, ada, ben } = await two({ 'a.py': '' })
    insert(ada, 'f1', 0, 'one ')
    insert(ada, 'f1', 4, 'two ')
    insert(ben, 'f1', 0, 'zero ')
    ben.carryUp()
    ada.carryDown()
    expect(textOf(ada)).toBe('zero one two ')
    await quiet(people, clock)
    expect(textOf(ben)).toBe(textOf(ada))
  })

  test('a file that moves keeps its edits, whoever moved it', async () => {
    const { server, clock, people, ada, ben } = await two({ 'util.py': 'u' })
    insert(ada, 'f1', 1, '1')
    ben.client.rename('util.py', 'lib/tools.py')
    await quiet(people, clock)
    expect(pathsOf(ada)).toEqual(['lib/tools.py'])
    expect(server.texts.get('f1')!.toString()).toBe('u1')
    expect(ada.treeChanges).toContainEqual({ kind: 'file-moved', file: 'f1', path: 'util.py', to: 'lib/tools.py' })
  })

  test('two new files of one name both stay', async () => {
    const { clock, people, ada, ben } = await two({ 'main.py': '' })
    ada.client.create('util.py', 'ada')
    ben.client.create('util.py', 'ben')
    await quiet(people, clock)
    expect(pathsOf(ada)).toEqual(['main.py', 'util-2.py', 'util.py'])
    expect(pathsOf(ben)).toEqual(pathsOf(ada))
  })

  test('a folder renamed by one and filled by another holds everything', async () => {
    const { clock, people, ada, ben } = await two({ 'lib/a.py': '' })
    ada.client.rename('lib', 'core')
    ben.client.create('lib/b.py', 'b')
    ben.client.rename('lib/a.py', 'lib/c.py')
    await quiet(people, clock)
    expect(pathsOf(ada)).toEqual(['core/b.py', 'core/c.py'])
    expect(pathsOf(ben)).toEqual(pathsOf(ada))
  })

  test('I4 text typed into a file that another deletes is kept under another name, and said so', async () => {
    const { server, clock, people, ada, ben } = await two({ 'a.py': 'a', 'b.py': 'b' })
    ben.client.delete('a.py')
    ben.carryUp()
    insert(ada, 'f1', 1, ' typed')
    insert(ada, 'f2', 1, ' too')
    await quiet(people, clock)
    expect(pathsOf(ada)).toEqual(['a-kept.py', 'b.py'])
    expect(server.texts.get(server.tree.fileAt('a-kept.py')!.id)!.toString()).toBe('a typed')
    expect(server.texts.get('f2')!.toString()).toBe('b too')
    expect(ada.notices.map((notice) => notice.hint)).toEqual(['Your text is kept as a-kept.py.'])
  })

  test('nothing of others arrives while an input method composes, and all of it after', async () => {
    const { clock, people, ada, ben } = await two({ 'a.py': '' })
    ada.client.hold()
    insert(ben, 'f1', 0, 'b')
    ben.carryUp()
    while (ada.carryDown());
    await settle()
    expect(textOf(ada)).toBe('')
    ada.client.release()
    await quiet(people, clock)
    expect(textOf(ada)).toBe('b')
  })
})

describe('the tree', () => {
  test('a folder with all that it holds is renamed, deleted, and can be empty', async () => {
    const { server, clock, people, person } = await one({ 'lib/a.py': '1', 'lib/deep/b.py': '2', 'main.py': '' })
    person.client.createFolder('empty/inner')
    person.client.rename('lib', 'core/lib')
    await quiet(people, clock)
    expect(pathsOf(person)).toEqual(['core/lib/a.py', 'core/lib/deep/b.py', 'main.py'])
    expect([...server.tree.folders].sort()).toEqual(['core', 'core/lib', 'core/lib/deep', 'empty', 'empty/inner'])
    person.client.delete('core')
    await quiet(people, clock)
    expect(pathsOf(person)).toEqual(['main.py'])
    expect([...server.tree.folders].sort()).toEqual(['empty', 'empty/inner'])
  })

  test('a file may change only the case of its name', async () => {
    const { server, clock, people, person } = await one({ 'Main.py': '' })
    person.client.rename('Main.py', 'main.py')
    await quiet(people, clock)
    expect(server.tree.fileAt('main.py')?.id).toBe('f1')
  })

  test('line ends and the byte order mark travel as attributes', async () => {
    const { server, clock, people, ada, ben } = await two({ 'a.txt': 'a\nb' })
    ada.client.setAttributes('f1', 'crlf', true)
    await quiet(people, clock)
    expect(server.tree.files.get('f1')).toMatchObject({ eol: 'crlf', bom: true })
    expect(ben.treeChanges).toContainEqual({ kind: 'attributes', file: 'f1', path: 'a.txt' })
  })

  test('deleting a file takes its unsent edits with it', async () => {
    const { server, clock, people, person } = await one({ 'a.py': 'a', 'b.py': '' })
    insert(person, 'f2', 0, 'b')
    insert(person, 'f1', 1, 'typed')
    person.client.delete('a.py')
    await quiet(people, clock)
    expect(ops(person).flatMap((frame) => frame.ops!.map((op: AnyOperation) => op.op))).toEqual(['edit', 'delete'])
    expect([...server.tree.files.keys()]).toEqual(['f2'])
  })
})
