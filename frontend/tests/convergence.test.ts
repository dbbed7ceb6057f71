/**
 * I1, I2, I4, I6 and Y1 by seeded random schedules, killed tabs among them, against the model server; after quiet all copies equal it. A failing seed is in
 * the test's name; QUICKEDIT_SEEDS=n runs more of them.
 */
import { expect, test } from 'vitest'
import { ModelServer } from './model-server'
import { FILES, run, treeOf } from './schedule'

const SEEDS = Number(process.env.QUICKEDIT_SEEDS ?? 150)

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`I1 I2 I4 all copies equal the server after quiet, seed ${seed}`, async () => {
    const { server, people, marks, deletions, doomed, notices } = await run(new ModelServer(FILES), seed)
    const all = [...server.texts.values()].map((text) => text.toString()).join('')
    for (const person of people) {
      const { replica } = person.client
      expect(replica.revision).toBe(server.revision)
      expect(treeOf(replica.visible)).toEqual(treeOf(server.tree))
      expect(treeOf(replica.confirmed)).toEqual(treeOf(server.tree))
      for (const [file, text] of server.texts) expect(replica.text(file)!.toString()).toBe(text.toString())
      for (const [file, text] of person.shown) if (server.texts.has(file)) expect(text.toString()).toBe(server.texts.get(file)!.toString())
    }
    for (const mark of marks) {
      // I2: never more often than typed, but for copies that were set aside.
      const copies = notices + people.flatMap((person) => person.notices).length
      expect(all.split(mark).length - 1).toBeLessThanOrEqual(1 + copies)
      // I6: never gone, unless somebody deleted something.
      if (deletions === 0 && !doomed.has(mark)) expect(all).toContain(mark)
    }
  })
}
