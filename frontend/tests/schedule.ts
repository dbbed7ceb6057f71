/** Seeded random schedules: people edit, rename, delete and lose their connections at any moment, against any server. */
import { NotAllowed } from '../src/sync/client'
import { ChangeSet, toText } from '../src/sync/text'
import type { Tree } from '../src/sync/tree'
import { type Disk, recover, withDisk } from './disk'
import { Person, TestClock, quiet, settle } from './harness'
import type { ModelServer } from './model-server'

export const FILES = { 'main.py': 'one\ntwo\n', 'lib/a.py': 'α😀β\n', 'lib/b.py': '' }
const STEPS = 120

/** Mulberry32: small, fast, the same everywhere. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

export class Schedule {
  readonly clock = new TestClock()
  readonly people: Person[] = []
  private readonly disks = new Map<Person, Disk>()
  private born = 0
  /** Every marker typed, and whether its text may be gone because somebody deleted around it. */
  readonly marks: string[] = []
  deletions = 0

  constructor(readonly server: ModelServer, private readonly rnd: (below: number) => number, people: number) {
    for (let n = 0; n < people; n++) this.join()
  }

  /** Somebody opens the worker, in a tab with an outbox. */
  private join(): void {
    const { person, disk } = withDisk(this.server, this.clock, `c${this.born++}`)
    this.people.push(person)
    this.disks.set(person, disk)
  }

  /** A tab is killed and opened again: what its outbox holds is taken up by a client of its own. */
  private kill(person: Person): void {
    const disk = this.disks.get(person)
    if (!disk) return
    if (person.status && !person.status.kept) {
      // Typed in the last moment, neither sent nor stored: that much a kill may take.
      const pending = JSON.stringify(person.client.replica.pending())
      for (const mark of this.marks) if (pending.includes(mark)) this.doomed.add(mark)
    }
    person.cut()
    this.people.splice(this.people.indexOf(person), 1)
    const back = recover(this.server, this.clock, disk)
    if (back) this.people.push(back)
    this.join()
    this.notices += person.notices.length
    this.kills++
  }

  kills = 0
  readonly doomed = new Set<string>()
  /** What those said who were killed since. */
  notices = 0

  private pick<T>(items: readonly T[]): T | undefined {
    return items[this.rnd(items.length)]
  }

  type(person: Person): void {
    const file = this.pick([...person.client.replica.visible.files.keys()])
    if (!file) return
    if (this.rnd(3) === 0) person.open(file)
    const text = person.client.replica.text(file)!
    const from = this.rnd(text.length + 1)
    const to = this.rnd(4) === 0 ? Math.min(text.length, from + this.rnd(6)) : from
    this.deletions += to > from ? 1 : 0
    // One character each, so that nobody can type into the middle of it.
    const mark = String.fromCharCode(0xe000 + this.marks.length)
    const word = this.pick([mark, `${mark}\n`, `😀${mark}`, '\n', 'x', ''])!
    if (word.includes(mark)) this.marks.push(mark)
    // Ends inside a pair would make halves, which is for another test.
    const whole = (at: number): number => (/[\udc00-\udfff]/.test(text.sliceString(at, at + 1)) ? at - 1 : at)
    const changes = ChangeSet.of({ from: whole(Math.min(from, to)), to: whole(to), insert: toText(word) }, text.length)
    const shown = person.shown.get(file)
    if (shown) person.shown.set(file, changes.apply(shown))
    person.client.edit(file, changes)
  }

  tree(person: Person): void {
    const { client } = person
    const files = [...client.replica.visible.files.values()].map((file) => file.path)
    const folders = [...client.replica.visible.folders]
    const folder = this.pick(['', ...folders])!
    const fresh = `${folder ? `${folder}/` : ''}${this.pick(['n1', 'n2', 'n3'])}`
    const any = this.pick([...files, ...folders])
    try {
      const dice = this.rnd(8)
      if (dice < 2) client.create(`${fresh}.py`, this.pick(['', 'new\n'])!)
      else if (dice < 3) client.createFolder(fresh)
      else if (dice < 6 && any) client.rename(any, fresh + (any.endsWith('.py') ? '.py' : ''))
      else if (dice < 7 && any && files.length > 2) {
        client.delete(any)
        this.deletions++
      } else if (any) {
        const file = client.replica.visible.fileAt(any)
        if (file) client.setAttributes(file.id, this.pick(['lf', 'crlf'])! as 'lf' | 'crlf', this.rnd(2) === 0)
      }
    } catch (error) {
      if (!(error instanceof NotAllowed)) throw error
    }
    person.closeGone()
  }

  async step(): Promise<void> {
    const person = this.pick(this.people)!
    const dice = this.rnd(100)
    if (this.rnd(60) === 0) return this.kill(person)
    this.disks.get(person)?.write()
    // Nobody types into a client that only takes up what another left.
    if (dice < 42 && !this.disks.has(person)) person.carryUp()
    else if (dice < 34) this.type(person)
    else if (dice < 42) this.tree(person)
    else if (dice < 62) person.carryUp()
    else if (dice < 84) person.carryDown()
    else if (dice < 86) person.cut()
    else if (dice < 89) person.connect()
    else if (dice < 90 && this.server.log.length > 4) this.server.floor = this.server.revision - this.rnd(4)
    else if (dice < 92) this.rnd(2) ? person.client.hold() : person.client.release()
    else this.clock.advance(this.rnd(80))
    if (person.wantsReconnect) person.connect()
    await settle()
  }
}

/** A tree as plain data that can be compared. */
export const treeOf = (tree: Tree) => ({
  files: [...tree.files.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
  folders: [...tree.folders].sort(),
})

/** Runs one schedule on a fresh server with FILES, and then to quiet. */
export async function run(server: ModelServer, seed: number): Promise<Schedule> {
  const rnd = random(seed)
  const schedule = new Schedule(server, rnd, 2 + rnd(3))
  await quiet(schedule.people, schedule.clock)
  for (let step = 0; step < STEPS; step++) await schedule.step()
  schedule.people.forEach((person) => person.client.release())
  await quiet(schedule.people, schedule.clock)
  return schedule
}
