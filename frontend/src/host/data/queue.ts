/**
 * A queue: how many messages wait, and the oldest of them.
 */

import { h } from '../dom'
import { clock } from '../time'
import { failed, nothing, type Content, type Source, type View } from './source'

interface Waiting extends Content {
  id: string
  type: string
  sent: number
  attempts: number
}

export class QueueView implements View {
  readonly element = h('div', { class: 'dataview' })

  constructor(private readonly source: Source) {}

  async load(): Promise<void> {
    try {
      const found = await this.source.ask<{ ready: number; waiting: number; messages: Waiting[] }>('list')
      const counts = h('div', { class: 'databar' }, h('span', { class: 'muted' }, `${found.ready} ready, ${found.waiting} delayed or with the consumer`))
      const row = (one: Waiting) => h('tr', {}, h('td', {}, clock(one.sent)), h('td', { class: 'right' }, String(one.attempts)), h('td', { class: 'mono cut' }, one.encoding === 'text' ? one.body : `${one.size} bytes`))
      const head = h('tr', {}, h('th', { scope: 'col' }, 'Sent'), h('th', { scope: 'col', class: 'right' }, 'Attempts'), h('th', { scope: 'col' }, 'Body'))
      const table = h('table', { class: 'datatable', 'aria-label': 'Messages' }, h('thead', {}, head), h('tbody', {}, ...found.messages.map(row)))
      const empty = nothing('No messages wait', 'A message stays here until its consumer takes it, and one that failed too often until somebody looks at it.')
      this.element.replaceChildren(counts, h('div', { class: 'datalist' }, found.messages.length ? table : empty))
    } catch (error) {
      this.element.replaceChildren(failed('Not read', error))
    }
  }
}
