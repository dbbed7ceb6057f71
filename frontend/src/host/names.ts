/**
 * What a worker may be called, for the fields that check while somebody types. The server has the last word.
 */

export interface NameRules {
  reserved: string[]
  taken: string[]
}

const MAX = 58

/** The sentence to show under the field, or '' where nothing is wrong. */
export function nameProblem(name: string, rules: NameRules): string {
  if (!name) return 'A worker needs a name.'
  if (name.length > MAX) return `At most ${MAX} characters; this has ${name.length}.`
  if (/[A-Z]/.test(name)) return 'Lower-case letters only: the name is a part of an address.'
  if (!/^[a-z]/.test(name)) return 'Begin with a letter.'
  const odd = /[^a-z0-9-]/u.exec(name)
  if (odd) return `Letters, digits and hyphens only, not ${odd[0] === ' ' ? 'spaces' : `“${odd[0]}”`}.`
  if (name.endsWith('-')) return 'End with a letter or a digit.'
  if (name.startsWith('p-')) return 'Names that begin with “p-” belong to previews.'
  if (rules.reserved.includes(name)) return `“${name}” is kept for Quick Edit itself.`
  if (rules.taken.includes(name)) return `You have a worker named ${name} already.`
  return ''
}

/** A free name made from another: `hello`, `hello-2`, `hello-3`. */
export function freeName(base: string, taken: string[]): string {
  const stem = base.replace(/-\d+$/, '').slice(0, MAX - 4) || 'worker'
  if (!taken.includes(stem)) return stem
  for (let n = 2; ; n++) if (!taken.includes(`${stem}-${n}`)) return `${stem}-${n}`
}
