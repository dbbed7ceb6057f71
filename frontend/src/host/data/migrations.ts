/**
 * The migrations of a D1 database that its data does not have yet, and the one button that applies those that are shown. Nothing is
 * applied without it: a file that somebody is still typing must not run.
 */

import type { Api } from '../api'
import { busy, isBusy } from '../dialog'
import { h, icon } from '../dom'
import { confirmed, failed, type BindingInfo, type Layer, type Source } from './source'

/** The migrations of one binding, as the layer's own configuration has it: `pending` are the names of those not applied, in order. */
export interface Migrations {
  binding: string
  database: string
  directory: string
  count: number
  pending: string[]
}

export interface Applied {
  applied: string[]
  failed: { path: string; line: number; message: string; hint: string } | null
}

const DATA: Record<Layer, string> = { preview: 'the preview’s data', live: 'live data' }

/** Those of the database that is shown. The binding's own come first where two have one database; a deployed version may call it otherwise. */
export function ofDatabase(all: Migrations[], { name, resource }: Pick<BindingInfo, 'name' | 'resource'>): Migrations | null {
  const same = all.filter(({ database, pending }) => database === resource && pending.length > 0)
  return same.find(({ binding }) => binding === name) ?? same[0] ?? null
}

/** `1 migration`, `2 migrations`. */
export function counted(n: number): string {
  return n === 1 ? '1 migration' : `${n} migrations`
}

/** `2 migrations are not applied to live data`. */
export function waiting(layer: Layer, n: number): string {
  return `${counted(n)} ${n === 1 ? 'is' : 'are'} not applied to ${DATA[layer]}`
}

/** What came of it where nothing failed. The server begins no further one after half a minute. */
export function outcome(asked: number, { applied }: Applied): string {
  if (applied.length < asked) return applied.length ? `Applied ${counted(applied.length)} of ${asked}.` : 'They were applied already.'
  return `Applied ${counted(applied.length)}.`
}

export class MigrationsPanel {
  readonly element = h('section', { class: 'migrations', 'aria-label': 'Migrations' })
  private readonly list = h('div', {})
  /** Has the focus when the button that had it is gone. */
  private readonly said = h('div', { class: 'migrations__said', 'aria-live': 'polite', tabindex: '-1' })
  private shown = ''

  /** `applied` is called after each attempt: tables may have changed, also where one of several failed. */
  constructor(
    private readonly source: Source,
    private readonly applied: () => Promise<void>,
  ) {
    this.element.append(this.list, this.said)
  }

  /** Reads anew which are not applied. Never throws. */
  async load(): Promise<void> {
    try {
      const found = ofDatabase(await this.source.migrations(), this.source.binding)
      // What is shown stays as it is where nothing changed, so that a pressed button is not pulled away.
      if (JSON.stringify(found) === this.shown) return
      this.shown = JSON.stringify(found)
      const focused = this.list.contains(document.activeElement)
      this.list.replaceChildren(...(found ? [this.pending(found)] : []))
      if (focused) (this.list.querySelector('button') ?? this.said).focus()
    } catch (error) {
      this.shown = ''
      this.list.replaceChildren(failed('Migrations not read', error))
    }
  }

  private pending({ binding, pending }: Migrations): HTMLElement {
    const { layer, page } = this.source
    const names = h('ol', { class: 'mono', role: 'list', tabindex: pending.length > 5 ? '0' : null, 'aria-label': 'Not applied' }, ...pending.map((name) => h('li', {}, name)))
    const text = h('div', { class: 'grow' }, h('b', {}, `${waiting(layer, pending.length)}:`), names)
    const row = h('div', { class: 'banner' }, icon('table'), text)
    if (!page.canEdit) return row
    const label = `Apply ${counted(pending.length)}`
    const run = () => void this.apply(button, binding, pending)
    const button = layer === 'live' ? confirmed(label, 'Apply to live data?', run, { symbol: '', style: '' }) : h('button', { class: 'btn btn--s btn--primary', type: 'button', onclick: run }, label)
    row.append(button)
    return row
  }

  private async apply(button: HTMLButtonElement, binding: string, names: string[]): Promise<void> {
    if (isBusy(button)) return
    busy(button, true)
    this.said.replaceChildren()
    try {
      const done = await this.source.migrate(binding, names)
      if (done.failed) this.said.replaceChildren(...this.failure(done.applied.length, done.failed))
      else this.said.replaceChildren(h('div', { class: 'banner banner--here', role: 'status' }, icon('passed'), h('span', { class: 'grow' }, outcome(names.length, done))))
    } catch (error) {
      this.said.replaceChildren(failed('Not applied', error))
    }
    busy(button, false)
    await Promise.all([this.load(), this.applied()])
  }

  private failure(before: number, { path, line, message, hint }: NonNullable<Applied['failed']>): HTMLElement[] {
    const place = { path, line: line || 1 }
    const go = h('button', { class: 'linklike mono', type: 'button', onclick: () => this.source.page.open(place) }, line ? `${path}:${line}` : path)
    const first = before ? `${counted(before)} applied. ` : ''
    return [h('div', { class: 'banner banner--fail', role: 'alert' }, icon('fault'), h('span', { class: 'grow' }, first, h('b', {}, 'Not applied: '), go, ` ${message.replace(/\.$/, '')}. ${hint}`))]
  }
}

/** After a deployment: a note where live data lacks migrations of the version that is live now, with the way there; null where it does not. */
export async function liveNote(api: Api, worker: string, open: (binding: string) => void): Promise<HTMLElement | null> {
  try {
    const { migrations } = await api.call<{ migrations: Migrations[] }>('GET', `/workers/${worker}/migrations?layer=live`)
    const lacking = migrations.filter(({ pending }) => pending.length > 0)
    if (!lacking[0]) return null
    const { binding } = lacking[0]
    const all = lacking.reduce((sum, { pending }) => sum + pending.length, 0)
    return h('div', { class: 'banner deployfault', role: 'status' }, icon('table'), h('span', { class: 'grow' }, `${waiting('live', all)}.`), h('button', { class: 'btn btn--s', type: 'button', onclick: () => open(binding) }, 'Open Data'))
  } catch {
    return null // the version is live; the Data tab asks again and says what failed
  }
}
