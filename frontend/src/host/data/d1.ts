/**
 * A D1 database: its tables, the rows of one, a line of SQL, and above them the migrations that wait.
 */

import { busy, isBusy } from '../dialog'
import { h } from '../dom'
import { duration } from '../time'
import { MigrationsPanel } from './migrations'
import { failed, nothing, type Source, type View } from './source'

interface Rows {
  columns: string[]
  rows: unknown[][]
  count?: number
  meta?: { changes: number; duration: number }
}

const PAGE = 200

/** What somebody sees of a database who may not look at its data: the migrations that wait for an editor. */
export class D1Outline implements View {
  readonly element = h('div', { class: 'dataview' })
  private readonly migrations: MigrationsPanel

  constructor(source: Source, note: HTMLElement) {
    this.migrations = new MigrationsPanel(source, () => Promise.resolve())
    this.element.append(this.migrations.element, note)
  }

  load(): Promise<void> {
    return this.migrations.load()
  }

  changed(): Promise<void> {
    return this.load()
  }
}

export class D1View implements View {
  readonly element = h('div', { class: 'dataview' })
  private readonly table = h('select', { class: 'select select--s', 'aria-label': 'Table' })
  private readonly sql = h('textarea', { class: 'textarea mono', rows: '2', 'aria-label': 'SQL', placeholder: 'SELECT …', spellcheck: 'false' })
  private readonly run = h('button', { class: 'btn btn--s btn--primary', type: 'submit', title: 'Run (Ctrl+Enter)' }, 'Run')
  private readonly out = h('section', { class: 'datalist', 'aria-label': 'Rows', 'aria-live': 'polite' })
  private readonly migrations: MigrationsPanel
  private offset = 0

  constructor(private readonly source: Source) {
    this.migrations = new MigrationsPanel(source, () => this.tables())
    const form = h('form', { class: 'sqlbar' }, this.sql, this.run)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.query()
    })
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault()
        void this.query()
      }
    })
    this.table.addEventListener('change', () => void this.rows(0))
    this.element.append(this.migrations.element, h('div', { class: 'databar' }, this.table), form, this.out)
  }

  async load(): Promise<void> {
    await Promise.all([this.migrations.load(), this.tables()])
  }

  changed(): Promise<void> {
    return this.migrations.load()
  }

  private async tables(): Promise<void> {
    try {
      const tables = await this.source.ask<{ name: string; type: string }[]>('tables')
      const chosen = this.table.value
      this.table.replaceChildren(...tables.map(({ name, type }) => h('option', { value: name, selected: name === chosen }, type === 'view' ? `${name} (view)` : name)))
      this.table.disabled = tables.length === 0
      if (tables.length) await this.rows(0)
      else this.out.replaceChildren(nothing('No tables yet', 'Make one here with CREATE TABLE, or from the worker with env.' + `${this.source.binding.name}.exec("CREATE TABLE …").`))
    } catch (error) {
      this.out.replaceChildren(failed('Not read', error))
    }
  }

  private async rows(offset: number): Promise<void> {
    try {
      const found = await this.source.ask<Rows>('rows', { table: this.table.value, offset })
      this.offset = offset
      this.show(found)
    } catch (error) {
      this.out.replaceChildren(failed('Not read', error))
    }
  }

  private async query(): Promise<void> {
    if (isBusy(this.run) || !this.sql.value.trim()) return
    busy(this.run, true)
    try {
      const found = await this.source.ask<Rows>('query', { sql: this.sql.value })
      if (found.meta?.changes || /^\s*(create|drop|alter)\b/i.test(this.sql.value)) await this.load()
      if (found.columns.length || found.meta?.changes) this.show(found)
    } catch (error) {
      this.out.replaceChildren(failed('Not run', error))
    }
    busy(this.run, false)
  }

  private show(found: Rows): void {
    const head = h('tr', {}, ...found.columns.map((name) => h('th', { scope: 'col' }, name)))
    const body = found.rows.map((row) => h('tr', {}, ...row.map((cell) => h('td', {}, cell === null ? h('i', { class: 'muted' }, 'NULL') : text(cell)))))
    const table = found.columns.length ? h('div', { class: 'datascroll', tabindex: '0', role: 'group', 'aria-label': 'Rows' }, h('table', { class: 'datatable' }, h('thead', {}, head), h('tbody', {}, ...body))) : null
    this.out.replaceChildren(...(table ? [table] : []), this.foot(found))
  }

  private foot(found: Rows): HTMLElement {
    const foot = h('div', { class: 'datafoot datafoot--line' })
    if (found.meta) foot.append(h('span', { class: 'muted' }, `${found.rows.length} rows, ${found.meta.changes} changed, ${duration(found.meta.duration)}`))
    else {
      const last = this.offset + found.rows.length
      foot.append(h('span', { class: 'muted' }, found.count ? `${this.offset + 1} to ${last} of ${found.count}` : 'No rows'))
      const step = (label: string, to: number, off: boolean) => {
        const button = h('button', { class: 'btn btn--s', type: 'button', disabled: off }, label)
        button.addEventListener('click', () => void this.rows(to))
        return button
      }
      if ((found.count ?? 0) > PAGE) foot.append(h('span', { class: 'grow' }), step('Back', this.offset - PAGE, this.offset === 0), step('Next', this.offset + PAGE, last >= (found.count ?? 0)))
    }
    return foot
  }
}

function text(cell: unknown): string {
  return Array.isArray(cell) ? `${cell.length} bytes` : String(cell)
}
