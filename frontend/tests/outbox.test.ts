/** Y1: what a killed tab had typed comes back, once, merged with what others did meanwhile. */
import { describe, expect, test } from 'vitest'
import { ChangeSet, toText } from '../src/sync/text'
import { type Disk, recover, withDisk } from './disk'
import { Person, TestClock, quiet } from './harness'
import { ModelServer } from './model-server'

const insert = (person: Person, file: string, at: number, text: string): void =>
  person.client.edit(file, ChangeSet.of({ from: at, insert: toText(text) }, person.client.replica.text(file)!.length))

async function start(files: Record<string, string>): Promise<{ server: ModelServer; clock: TestClock; person: Person; disk: Disk }> {
  const [server, clock] = [new ModelServer(files), new TestClock()]
  const { person, disk } = withDisk(server, clock, 'c1')
  await quiet([person], clock)
  return { server, clock, person, disk }
}

/** Time passes until what waits is on disk. */
function keep(clock: TestClock, disk: Disk): void {
  for (let round = 0; round < 4; round++) {
    clock.advance(100)
    disk.writeAll()
  }
}

/** The tab is killed, and the person opens the worker again. */
async function reopen(server: ModelServer, clock: TestClock, person: Person, disk: Disk): Promise<Person> {
  person.cut()
  const back = recover(server, clock, disk)!
  await quiet([back], clock)
  return back
}

const text = (server: ModelServer, file = 'f1'): string => server.texts.get(file)!.toString()

describe('Y1 a killed tab', () => {
  test('typed offline comes back under the same client id and number', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': 'one\n' })
    insert(person, 'f1', 0, 'x')
    await quiet([person], clock)
    person.cut()
    insert(person, 'f1', 0, 'y')
    insert(person, 'f1', 0, 'z')
    keep(clock, disk)
    expect(disk.outbox.isKept).toBe(true)
    const back = await reopen(server, clock, person, disk)
    expect(text(server)).toBe('zyxone\n')
    expect(server.log.map(({ client, seq }) => [client, seq])).toEqual([['c1', 1], ['c1', 2]])
    expect(back.aside).toEqual([])
  })

  test('with a batch on its way sends that batch again, and it counts once', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': '' })
    insert(person, 'f1', 0, 'a')
    insert(person, 'f1', 1, 'b')
    keep(clock, disk)
    expect(disk.stored()).toMatchObject({ seq: 1, flight: [{ op: 'edit' }], buffer: [{ op: 'edit' }] })
    person.carryUp() // committed, and the answer never arrives
    expect(text(server)).toBe('a')
    await reopen(server, clock, person, disk)
    expect(text(server)).toBe('ab')
    expect(server.log).toHaveLength(2)
  })

  test('whose record is older than its last batch doubles nothing', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': '' })
    insert(person, 'f1', 0, 'a')
    insert(person, 'f1', 1, 'b')
    keep(clock, disk)
    const left = disk.record
    insert(person, 'f1', 2, 'c')
    await quiet([person], clock)
    expect([text(server), server.log.length]).toEqual(['abc', 2])
    disk.record = left
    await reopen(server, clock, person, disk)
    expect([text(server), server.log.length]).toEqual(['abc', 2])
  })

  test('merges with what others typed meanwhile', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': 'one\ntwo\n' })
    const ben = new Person(server, clock, 'c2')
    person.cut()
    insert(person, 'f1', 4, 'mine ')
    keep(clock, disk)
    await quiet([ben], clock)
    insert(ben, 'f1', 0, 'his ')
    ben.client.rename('a.py', 'lib/b.py')
    await quiet([ben], clock)
    await reopen(server, clock, person, disk)
    expect(text(server)).toBe('his one\nmine two\n')
    expect(server.tree.fileAt('lib/b.py')?.id).toBe('f1')
  })

  test('brings back new files, renames and deletions', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': 'a', 'b.py': 'b' })
    person.cut()
    const made = person.client.create('new/c.py', 'c')
    insert(person, made, 1, '!')
    person.client.rename('a.py', 'new/a.py')
    insert(person, 'f1', 0, '#')
    person.client.delete('b.py')
    keep(clock, disk)
    await reopen(server, clock, person, disk)
    expect([...server.tree.files.values()].map((file) => file.path).sort()).toEqual(['new/a.py', 'new/c.py'])
    expect([text(server), text(server, made)]).toEqual(['#a', 'c!'])
  })

  test('older than the log comes back as a visible copy beside the file', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': 'one\n', 'b.py': 'b' })
    const ben = new Person(server, clock, 'c2')
    person.cut()
    insert(person, 'f1', 4, 'mine\n')
    insert(person, 'f2', 1, '!')
    keep(clock, disk)
    await quiet([ben], clock)
    insert(ben, 'f1', 0, 'his\n')
    await quiet([ben], clock)
    server.floor = server.revision
    const back = await reopen(server, clock, person, disk)
    expect(text(server)).toBe('his\none\n')
    expect(text(server, server.tree.fileAt('a-kept.py')!.id)).toBe('one\nmine\n')
    // A file that nobody touched since takes the edit itself.
    expect(text(server, 'f2')).toBe('b!')
    expect(back.notices).toMatchObject([{ level: 'warning', hint: 'Your text is kept as a-kept.py.' }])
  })

  test('who may only look by now is shown the text, and it stays out of the worker', async () => {
    const { server, clock, person, disk } = await start({ 'a.py': 'one\n' })
    person.cut()
    insert(person, 'f1', 0, 'mine ')
    keep(clock, disk)
    server.nextAnswer = (frame) => ({ t: 'refused', seq: frame.seq, code: 'forbidden', message: 'You can look.' })
    const back = await reopen(server, clock, person, disk)
    expect(back.aside).toEqual([{ path: 'a.py', text: 'mine one\n' }])
    expect(text(server)).toBe('one\n')
  })
})

describe('the record', () => {
  test('is not written at all while answers come quickly', async () => {
    const { clock, person, disk } = await start({ 'a.py': '' })
    insert(person, 'f1', 0, 'a')
    await quiet([person], clock)
    expect([disk.write(), person.status.kept]).toEqual([false, true])
  })

  test('is forgotten once everything is acknowledged', async () => {
    const { clock, person, disk } = await start({ 'a.py': '' })
    person.cut()
    insert(person, 'f1', 0, 'a')
    keep(clock, disk)
    expect(person.status).toMatchObject({ state: 'offline', waiting: 1, kept: true })
    await quiet([person], clock)
    disk.writeAll()
    expect(disk.record).toBeNull()
  })

  test('Y2 leaves edits unsafe until it is written, and again with the next key', async () => {
    const { clock, person, disk } = await start({ 'a.py': '' })
    person.cut()
    insert(person, 'f1', 0, 'a')
    expect(person.status.kept).toBe(false)
    clock.advance(100)
    expect(person.status.kept).toBe(false)
    disk.writeAll()
    expect(person.status.kept).toBe(true)
    insert(person, 'f1', 0, 'b')
    expect(person.status.kept).toBe(false)
  })

  test('carries the text of a file once, and again only when that has changed', async () => {
    const { clock, person, disk } = await start({ 'a.py': 'one\n' })
    person.cut()
    for (const key of 'ab') {
      insert(person, 'f1', 0, key)
      keep(clock, disk)
    }
    expect(disk.frames.map((frame) => frame.bases[0]!.text)).toEqual(['one\n', null])
    expect(disk.stored()!.bases[0]!.text).toBe('one\n')
  })

  test('that could not be written is written whole the next time', async () => {
    const { clock, person, disk } = await start({ 'a.py': 'one\n' })
    person.cut()
    insert(person, 'f1', 0, 'a')
    clock.advance(100)
    disk.outbox.stored(1, false)
    expect(person.status.kept).toBe(false)
    insert(person, 'f1', 0, 'b')
    keep(clock, disk)
    expect(disk.frames.at(-1)!.bases[0]!.text).toBe('one\n')
  })
})
