/** How a person looks everywhere: a colour and two letters. The rules are those of the server's pages (`dashboard/templatetags/ui.py`). */

export const HUES = 5

/** A person's colour, 1 to HUES: from the sum of the name's bytes in UTF-8. */
export const hueOf = (name: string): number => (new TextEncoder().encode(name).reduce((sum, byte) => sum + byte, 0) % HUES) + 1

/** «Ana Ruiz» → «AR»; one word gives its first two letters. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean)
  if (words.length === 0) return '?'
  const letters = words.length === 1 ? [...words[0]!].slice(0, 2).join('') : [...words[0]!][0]! + [...words.at(-1)!][0]!
  return letters.toUpperCase()
}
