/**
 * The Console pane: one row a request with its logs inside, failures open. Follows the newest until its reader scrolls up.
 */

import { ConsoleModel, failed, matches, splitError, type Level, type Row } from './console-model'
import { all, copyFrom, h, icon, need } from './dom'
import type { Memory } from './memory'
import type { OpenRequest } from './preview-rules'
import { Roving } from './roving'
import { clock, duration } from './time'
import type { LogRecord, LogToClient } from '../wire/messages'

const NEAR_END_PX = 24
const OUTSIDE = 'outside a request'

export interface ConsoleEvents {
  open(request: OpenRequest): void
  send(): void
}

export class ConsolePane {
  private readonly model = new ConsoleModel()
  private readonly elements = new Map<string, HTMLDetailsElement>()
  private readonly logs = need('#logs')
  private readonly filter = need<HTMLInputElement>('#console-filter')
  private readonly followButton = need('#console-follow')
  private readonly freshButton = need('#console-fresh')
  private level: Level = ''
  private follow = true
  private missed = 0
  private lastRevision = 0
  private visible = false

  constructor(
    private readonly memory: Memory,
    private readonly events: ConsoleEvents,
  ) {
    this.filter.value = memory.get('filter', '')
    this.filter.addEventListener('input', () => {
      memory.set('filter', this.filter.value)
      this.redraw()
    })
    const levels = new Roving(need('#console-level'), (item) => {
      this.level = (item.dataset.level ?? '') as Level
      memory.set('level', this.level)
      this.redraw()
    })
    this.followButton.addEventListener('click', () => this.setFollow(!this.follow))
    this.freshButton.addEventListener('click', () => this.setFollow(true))
    need('#console-clear').addEventListener('click', () => this.clear())
    this.logs.addEventListener('scroll', () => this.scrolled())
    const kept = levels.items.find((item) => item.dataset.level === memory.get('level', ''))
    if (kept) levels.select(kept)
    this.redraw()
  }

  add(log: LogToClient): void {
    const { row, fresh, dropped } = this.model.add(log, this.visible)
    for (const old of dropped) this.forget(old)
    const element = this.elements.get(row.id)
    if (element) this.fill(element, row)
    else if (matches(row, this.filter.value, this.level)) {
      if (!this.elements.size) this.logs.replaceChildren()
      this.append(row)
      if (fresh && !this.follow) this.missed += 1
    }
    this.afterAdding()
  }

  /** The pane was shown or hidden: what is seen is no longer new. */
  show(visible: boolean): void {
    this.visible = visible
    if (visible) {
      this.model.unseenFailures = 0
      this.badge()
      if (this.follow) this.toEnd()
    }
  }

  clear(): void {
    this.model.clear()
    this.missed = 0
    this.redraw()
    this.badge()
  }

  private afterAdding(): void {
    this.badge()
    this.freshButton.hidden = this.follow || this.missed === 0
    this.freshButton.textContent = `${this.missed} new`
    if (this.follow && this.visible) this.toEnd()
  }

  private badge(): void {
    const n = this.model.unseenFailures
    for (const count of all('[data-failures]')) {
      count.hidden = n === 0
      count.textContent = n > 99 ? '99+' : String(n)
      count.parentElement?.setAttribute('aria-description', n ? `${n} failed` : '')
    }
  }

  private redraw(): void {
    const open = new Map([...this.elements].map(([id, element]) => [id, element.open]))
    this.elements.clear()
    this.lastRevision = 0
    this.logs.replaceChildren()
    if (this.model.gone) this.logs.append(h('div', { class: 'rev' }, `${this.model.gone} older requests were let go`))
    for (const row of this.model.rows) {
      if (!matches(row, this.filter.value, this.level)) continue
      const element = this.append(row)
      element.open = open.get(row.id) ?? element.open
    }
    if (!this.elements.size) this.logs.replaceChildren(this.nothing())
    this.missed = 0
    this.freshButton.hidden = true
    if (this.follow) this.toEnd()
  }

  private nothing(): HTMLElement {
    if (this.model.rows.length) {
      const clear = h('button', { class: 'btn btn--s', type: 'button', onclick: () => this.resetFilter() }, 'Clear the filter')
      return h('div', { class: 'empty' }, h('h2', {}, 'No request matches'), h('p', {}, `${this.model.rows.length} are hidden by the filter.`), clear)
    }
    const send = h('button', { class: 'btn btn--s', type: 'button', onclick: () => this.events.send() }, 'Send GET /')
    return h('div', { class: 'empty' }, icon('mark'), h('h2', {}, 'No requests yet'), h('p', {}, 'Open the preview, or send one from HTTP. Whatever the code prints appears here, under its request.'), send)
  }

  private resetFilter(): void {
    this.filter.value = ''
    this.memory.set('filter', '')
    need('#console-level [data-level=""]').click()
    this.filter.focus()
  }

  private append(row: Row): HTMLDetailsElement {
    if (row.revision && row.revision !== this.lastRevision) {
      this.lastRevision = row.revision
      this.logs.append(h('div', { class: 'rev' }, h('i', { class: 'dot dot--draft' }), `Draft ${row.revision}`))
    }
    const element = h('details', { class: 'req' }, h('summary'), h('div', { class: 'req__body' }))
    this.elements.set(row.id, element)
    this.logs.append(element)
    this.fill(element, row)
    return element
  }

  private fill(element: HTMLDetailsElement, row: Row): void {
    const summary = need('summary', element)
    const n = row.records.length + row.dropped
    const kind = row.status >= 500 ? 'badge--fail' : row.status >= 200 && row.status < 400 ? 'badge--live' : ''
    summary.replaceChildren(
      icon('chevron-right'),
      h('time', {}, clock(row.at)),
      h('span', { class: 'meth' }, row.method),
      h('span', { class: 'path cut', title: row.method ? row.path : OUTSIDE }, row.method ? row.path : outside(row)),
      n ? h('span', { class: 'badge badge--square' }, `${n} log${n === 1 ? '' : 's'}`) : h('span'),
      row.method ? h('span', { class: `badge badge--square ${kind}`.trim() }, row.status ? String(row.status) : '…') : h('span'),
      h('span', { class: 'ms num' }, row.status ? duration(row.ms) : ''),
    )
    const body = need('.req__body', element)
    body.replaceChildren(...row.records.map((record) => this.record(record, row)))
    if (row.dropped) body.append(h('div', { class: 'log log--note' }, h('span'), h('span', { class: 'msg' }, `${row.dropped} more were printed, over the limit.`)))
    if (!n) body.append(h('div', { class: 'log log--note' }, h('span'), h('span', { class: 'msg' }, 'Nothing was printed.')))
    if (failed(row) && !element.dataset.shown) {
      element.dataset.shown = 'yes'
      element.open = true
    }
  }

  private record(record: LogRecord, row: Row): HTMLElement {
    if (record.level === 'error' && record.text.includes('\n')) return this.exception(record)
    const kind = record.level === 'warning' ? ' log--warn' : record.level === 'error' ? ' log--error' : ''
    const where = this.where(record)
    return h('div', { class: `log${kind}` }, h('span', {}, `+${duration(Math.max(0, record.at - row.at))}`), h('span', { class: 'msg' }, record.text.replace(/\n$/, '')), where && h('button', { class: 'at', type: 'button', onclick: () => this.events.open(where) }, `${where.path}:${where.line}`))
  }

  private exception(record: LogRecord): HTMLElement {
    const { what, how } = splitError(record.text)
    const [, type, message] = /^([\w.]+)(:[\s\S]*)?$/.exec(what) ?? [null, '', `${what}`]
    const where = this.where(record)
    const copy = h('button', { class: 'btn btn--s btn--ghost', type: 'button' }, icon('copy'), h('span', {}, 'Copy'))
    copy.addEventListener('click', () => void copyFrom(copy, record.text))
    return h('div', { class: 'exc' },
      h('div', { class: 'exc__head' }, icon('fault'), h('span', { class: 'grow msg' }, h('b', {}, type), message ?? '')),
      how ? h('pre', { class: 'codebox code http__trace', tabindex: '0', role: 'group', 'aria-label': 'Traceback' }, how) : null,
      h('div', { class: 'exc__foot' }, h('span', { class: 'grow' }), copy, where && h('button', { class: 'btn btn--s', type: 'button', onclick: () => this.events.open(where) }, `Open ${where.path}:${where.line}`)))
  }

  private where(record: LogRecord): OpenRequest | null {
    return record.path && record.line ? { path: record.path, line: record.line } : null
  }

  private forget(row: Row): void {
    this.elements.get(row.id)?.remove()
    this.elements.delete(row.id)
  }

  private toEnd(): void {
    this.logs.scrollTop = this.logs.scrollHeight
  }

  private scrolled(): void {
    const atEnd = this.logs.scrollHeight - this.logs.scrollTop - this.logs.clientHeight < NEAR_END_PX
    if (atEnd !== this.follow && this.visible) this.setFollow(atEnd, false)
  }

  private setFollow(on: boolean, jump = true): void {
    this.follow = on
    this.followButton.setAttribute('aria-pressed', String(on))
    if (!on) return
    this.missed = 0
    this.freshButton.hidden = true
    if (jump) this.toEnd()
  }
}

/** What a row without a request is headed with: closed, it should say what it is about. */
function outside(row: Row): string {
  return row.records[0]?.text.split('\n', 1)[0] || OUTSIDE
}
