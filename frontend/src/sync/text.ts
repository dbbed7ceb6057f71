/**
 * Text as the workspace knows it: LF only, offsets in UTF-16 units, changes as CodeMirror change sets. Used by the rest of
 * `sync` and by the workbench's binding. Must never see a carriage return: line ends are an attribute of a file.
 */
import { ChangeSet, Text } from '@codemirror/state'

export { ChangeSet, Text }

/** Turns CRLF and lone CR into LF. */
export const toLf = (text: string): string => (text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text)

/** The rope for a string, which is brought to LF first. */
export const toText = (text: string): Text => Text.of(toLf(text).split('\n'))

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

/**
 * The smallest single replacement that turns `before` into `after`, or null where they are equal. Never cuts a surrogate
 * pair in two, because half of one cannot travel as UTF-8.
 */
export function difference(before: Text, after: string): ChangeSet | null {
  const old = before.toString()
  if (old === after) return null
  const shorter = Math.min(old.length, after.length)
  let start = 0
  while (start < shorter && old.charCodeAt(start) === after.charCodeAt(start)) start++
  if (start > 0 && isHigh(old.charCodeAt(start - 1))) start--
  let tail = 0
  while (tail < shorter - start && old.charCodeAt(old.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail++
  if (tail > 0 && isLow(old.charCodeAt(old.length - tail))) tail--
  const insert = toText(after.slice(start, after.length - tail))
  return ChangeSet.of({ from: start, to: old.length - tail, insert }, old.length)
}

/** Whether two change sets are the same change. */
export const sameChanges = (a: ChangeSet, b: ChangeSet): boolean => JSON.stringify(a.toJSON()) === JSON.stringify(b.toJSON())

/** Joins two changes made one after the other; either may be missing. */
export const compose = (first: ChangeSet | null, second: ChangeSet | null): ChangeSet | null =>
  first && second ? first.compose(second) : (first ?? second)

/** Bytes of a string in UTF-8. */
export const utf8Length = (text: string): number => new TextEncoder().encode(text).length

/** Whether a string has no lone surrogate, so that UTF-8 can carry it. */
export const isWellFormed = (text: string): boolean => text.isWellFormed()
