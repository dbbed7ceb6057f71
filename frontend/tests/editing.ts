/** People who edit one worker over the model of a server: what the tests of the sync client begin with. */
import { ChangeSet, toText } from '../src/sync/text'
import type { OpToServer } from '../src/wire/messages'
import { Person, TestClock, quiet } from './harness'
import { ModelServer } from './model-server'

export const insert = (person: Person, file: string, at: number, text: string): void => {
  const length = person.client.replica.text(file)!.length
  const changes = ChangeSet.of({ from: at, insert: toText(text) }, length)
  const shown = person.shown.get(file)
  if (shown) person.shown.set(file, changes.apply(shown))
  person.client.edit(file, changes)
}
export const textOf = (person: Person, file = 'f1'): string => person.client.replica.text(file)!.toString()
export const pathsOf = (person: Person): string[] => [...person.client.replica.visible.files.values()].map((file) => file.path).sort()
export const ops = (person: Person): OpToServer[] => person.sent.filter((frame) => frame.t === 'op')

export async function start(count: number, files?: Record<string, string>): Promise<{ server: ModelServer; clock: TestClock; people: Person[] }> {
  const [server, clock] = [new ModelServer(files), new TestClock()]
  const people = Array.from({ length: count }, (_, n) => new Person(server, clock, `c${n + 1}`))
  await quiet(people, clock)
  for (const person of people) for (const file of server.tree.files.keys()) person.open(file)
  return { server, clock, people }
}

export async function one(files?: Record<string, string>) {
  const { server, clock, people } = await start(1, files)
  return { server, clock, people, person: people[0]! }
}

export async function two(files?: Record<string, string>) {
  const { server, clock, people } = await start(2, files)
  return { server, clock, people, ada: people[0]!, ben: people[1]! }
}
