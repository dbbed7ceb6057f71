// Writes tests/contract/changesets.json.gz: cases of the change set algebra as @codemirror/state computes them. Python's
// quickedit/workspaces/changes.py must give the same, to the last unit (tests/contract/test_changesets.py).
// Run: node tests/contract/changesets.mjs   (needs frontend/node_modules; seeded, so the file changes only with the library)
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { writeFileSync, readFileSync } from 'node:fs'

const require = createRequire(new URL('../../frontend/package.json', import.meta.url))
const { ChangeSet, Text } = require('@codemirror/state')
const version = JSON.parse(readFileSync(new URL('../../frontend/node_modules/@codemirror/state/package.json', import.meta.url))).version

const SEED = 20240611
const CASES = 4000
let state = SEED
function random(below) {
  // mulberry32
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
}
const ALPHABETS = ['ab\n', 'abcdef \n', 'aé\n', 'a😀\n', 'x😀é\u2028\u0000\n👩‍👩‍👧']
const pick = (list) => list[random(list.length)]

function randomText(alphabet, most) {
  const characters = [...alphabet]
  return Array.from({ length: random(most + 1) }, () => pick(characters)).join('')
}
// Offsets of whole characters only: half a pair cannot travel.
function offsets(text) {
  const found = [0]
  for (const character of text) found.push(found[found.length - 1] + character.length)
  return found
}
function randomChanges(text, alphabet) {
  const at = offsets(text)
  const style = random(4)
  if (style === 0 && random(4) === 0) return ChangeSet.of([], text.length)
  const specs = []
  for (let n = 1 + random(style === 3 ? 6 : 2); n > 0; n--) {
    const a = pick(at), b = style === 1 ? a : pick(at)
    specs.push({ from: Math.min(a, b), to: Math.max(a, b), insert: style === 2 ? '' : randomText(alphabet, 6) })
  }
  return ChangeSet.of(specs, text.length)
}

const cases = []
for (let n = 0; n < CASES; n++) {
  const alphabet = pick(ALPHABETS)
  const text = randomText(alphabet, random(8) === 0 ? 60 : 12)
  const doc = Text.of(text.split('\n'))
  let a = randomChanges(text, alphabet)
  const b = randomChanges(text, alphabet)
  const afterA = a.apply(doc).toString()
  const next = randomChanges(afterA, alphabet)
  const composed = a.compose(next)
  // Composed sets have shapes that single ones lack.
  if (random(2)) a = composed
  cases.push([
    text, a.toJSON(), b.toJSON(), next.toJSON(), composed.toJSON(),
    a.map(b).toJSON(), a.map(b, true).toJSON(), b.map(a).toJSON(), b.map(a, true).toJSON(),
    a.apply(doc).toString(), a.compose(b.map(a)).toJSON(), b.compose(a.map(b, true)).toJSON(),
  ])
}
const columns = ['text', 'a', 'b', 'next', 'composed', 'a_over_b', 'a_before_b', 'b_over_a', 'b_before_a', 'applied', 'a_then_b', 'b_then_a']
const body = JSON.stringify({ library: `@codemirror/state ${version}`, seed: SEED, columns, cases })
writeFileSync(new URL('changesets.json.gz', import.meta.url), gzipSync(body, { level: 9 }))
console.log(`${cases.length} cases, ${body.length} characters`)
