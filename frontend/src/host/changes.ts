/**
 * What a deploy or a rollback changes for visitors, module by module: signs, names, lines. Drawn in two dialogs.
 */

import { h } from './dom'

export interface Change {
  path: string
  change: 'added' | 'changed' | 'removed'
  plus: number
  minus: number
}

export interface Changes {
  changes: Change[]
  variables?: { name: string; change: 'added' | 'changed' | 'removed' }[]
  live: number | null
  next?: number
  revision: number
}

const SIGNS = { added: ['+', 'is-live'], changed: ['~', 'is-draft'], removed: ['−', 'is-fail'] } as const

/** A heading and the rows; `nothing` is the sentence for the case that there are none. */
export function whatChanges({ changes, variables = [] }: Pick<Changes, 'changes' | 'variables'>, title: string, nothing: string): HTMLElement[] {
  const parts = [plural(changes.length, 'module'), variables.length ? plural(variables.length, 'setting') : ''].filter(Boolean)
  const none = !changes.length && !variables.length
  const head = h('div', { class: 'blockhead blockhead--first' }, h('h3', {}, title), h('span', { class: 'muted small num' }, parts.join(', ')))
  if (none) return [head, h('p', { class: 'muted' }, nothing)]
  const rows = changes.map((each) => row(each.change, h('code', { class: 'cut' }, each.path), each.plus ? `+${each.plus}` : '', each.minus ? `−${each.minus}` : ''))
  const settings = variables.map((each) => row(each.change, h('span', { class: 'cut' }, h('span', { class: 'muted' }, 'variable '), h('code', {}, each.name)), '', ''))
  return [head, h('div', { class: 'changes', tabindex: '0', role: 'group', 'aria-label': 'Changes' }, ...rows, ...settings)]
}

function row(change: Change['change'], what: HTMLElement, plus: string, minus: string): HTMLElement {
  const [sign, colour] = SIGNS[change]
  return h('div', { class: 'change' }, h('span', { class: `sign ${colour}`, role: 'img', 'aria-label': change }, sign), what, h('span', { class: 'pm is-live' }, plus), h('span', { class: 'pm is-fail' }, minus))
}

/** Of the size of what comes. */
export function skeleton(): HTMLElement {
  const bar = (width: number): HTMLElement => {
    const element = h('span', { class: 'skel' })
    element.style.width = `${width}px`
    return element
  }
  return h('div', { class: 'changes', 'aria-hidden': 'true' }, ...[140, 92, 116].map((width) => h('div', { class: 'change' }, h('span'), bar(width))))
}

function plural(n: number, word: string): string {
  return n ? `${n} ${word}${n === 1 ? '' : 's'}` : ''
}
