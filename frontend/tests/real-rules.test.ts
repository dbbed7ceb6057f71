/**
 * The sync client against the server's own rules, in Python: random schedules converge with `quickedit.workspaces.canonical`
 * as they do with the model. Needs the tree's `.venv`, which `make test` makes. QUICKEDIT_SEEDS=n runs more seeds.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Snapshot } from '../src/sync/effects'
import type { Committed, OpToServer, ToClient } from '../src/wire/messages'
import { ModelServer } from './model-server'
import { FILES, run, treeOf } from './schedule'
import { Tree } from '../src/sync/tree'

const SEEDS = Number(process.env.QUICKEDIT_SEEDS ?? 60)
const ROOT = join(import.meta.dirname, '..', '..')
const PYTHON = join(ROOT, '.venv', 'bin', 'python')

/** Questions and answers over named pipes, one at a time: the harness asks in the middle of a synchronous step. */
class Pipe {
  private readonly folder = mkdtempSync(join(tmpdir(), 'quickedit-rules-'))
  private readonly process: ChildProcess
  private readonly questions: number
  private readonly answers: number
  private readonly buffer = Buffer.alloc(1 << 16)

  constructor() {
    const [questions, answers] = [join(this.folder, 'questions'), join(this.folder, 'answers')]
    execFileSync('mkfifo', [questions, answers])
    this.process = spawn(PYTHON, [join(import.meta.dirname, 'canonical_pipe.py'), questions, answers], { stdio: 'inherit' })
    this.questions = openSync(questions, 'w')
    this.answers = openSync(answers, 'r')
  }

  ask(question: object): unknown {
    writeSync(this.questions, `${JSON.stringify(question)}\n`)
    const parts: Buffer[] = []
    for (;;) {
      const size = readSync(this.answers, this.buffer)
      if (size === 0) throw new Error('canonical_pipe.py has ended; its traceback is above')
      parts.push(Buffer.from(this.buffer.subarray(0, size)))
      if (this.buffer[size - 1] === 10) return JSON.parse(Buffer.concat(parts).toString())
    }
  }

  close(): void {
    closeSync(this.questions)
    closeSync(this.answers)
    this.process.kill()
    rmSync(this.folder, { recursive: true })
  }
}

let pipe: Pipe

beforeAll(() => {
  if (!existsSync(PYTHON)) throw new Error('There is no .venv: run `make test` once, or scripts/setup.py test.')
  pipe = new Pipe()
})
afterAll(() => pipe?.close())

class RealRules extends ModelServer {
  constructor() {
    super(FILES)
    pipe.ask({ ask: 'new', files: Object.entries(FILES).map(([path, text], n) => [`f${n + 1}`, path, text]) })
  }

  override submit(client: string, frame: OpToServer): ToClient | null {
    const known = this.log.find((batch) => batch.client === client && batch.seq === frame.seq)
    if (known) return known
    const { seq, base, ops } = frame
    if (base < this.floor) return { t: 'stale', seq, floor: this.floor }
    if (seq !== this.lastSeqOf(client) + 1) throw new Error(`${client} sent ${seq} after ${this.lastSeqOf(client)}`)
    const answer = pipe.ask({ ask: 'submit', client, seq, base, ops }) as { ops?: Committed['ops']; refused?: string; message?: string; stale?: string }
    if (answer.refused) return { t: 'refused', seq, code: answer.refused, message: answer.message! }
    if (answer.stale) return { t: 'stale', seq, floor: this.floor }
    this.publish({ t: 'committed', revision: this.revision + 1, client, seq, by: 1, at: 0, ops: answer.ops! })
    return null
  }

  override snapshot(): Snapshot {
    return pipe.ask({ ask: 'snapshot' }) as Snapshot
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`I1 all copies equal what the server’s own rules make of it, seed ${seed}`, async () => {
    const { server, people } = await run(new RealRules(), seed)
    const { files, folders } = server.snapshot()
    const tree = new Tree()
    for (const path of folders) tree.apply({ op: 'create-folder', path })
    for (const { id, path, eol, bom } of files) tree.apply({ op: 'create', file: id, path, eol, bom })
    for (const person of people) {
      const { replica } = person.client
      expect(treeOf(replica.visible)).toEqual(treeOf(tree))
      for (const { id, text } of files) {
        expect(replica.text(id)!.toString()).toBe(text)
        if (person.shown.has(id)) expect(person.shown.get(id)!.toString()).toBe(text)
      }
    }
  })
}
