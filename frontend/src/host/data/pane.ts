/**
 * The Data pane: what the worker's bindings hold, in the preview's layer or live, and the Trigger dialog.
 */

import { said, type Api } from '../api'
import { copyFrom, h, icon, need } from '../dom'
import type { Memory } from '../memory'
import type { OpenRequest } from '../preview-rules'
import { Roving } from '../roving'
import { toast } from '../toast'
import { D1Outline, D1View } from './d1'
import { KvView } from './kv'
import { QueueView } from './queue'
import { R2View } from './r2'
import { failed, Source, type BindingInfo, type DataIndex, type Layer, type View } from './source'
import { TriggerDialog } from './trigger'

const VIEWS: Record<BindingInfo['kind'], new (source: Source) => View> = { kv: KvView, d1: D1View, r2: R2View, queue: QueueView }
const KINDS: Record<BindingInfo['kind'], string> = { kv: 'KV', d1: 'D1', r2: 'R2', queue: 'Queue' }
const EXAMPLE = `"kv_namespaces": [{"binding": "KV"}],
"d1_databases": [{"binding": "DB", "database_name": "main"}],
"r2_buckets": [{"binding": "BUCKET", "bucket_name": "files"}]`

export class DataPane {
  private readonly select = need<HTMLSelectElement>('#data-binding')
  private readonly body = need('#data-body')
  private readonly layers: Roving
  private readonly trigger: TriggerDialog
  private index: DataIndex | null = null
  private view: View | null = null
  private visible = false
  /** A newer draft ran since what is shown was read. */
  private stale = false

  constructor(
    private readonly api: Api,
    private readonly worker: string,
    private readonly memory: Memory,
    toConsole: () => void,
    private readonly openFile: (request: OpenRequest) => void,
  ) {
    this.trigger = new TriggerDialog(api, worker, toConsole)
    this.layers = new Roving(need('#data-layer'), (item) => {
      memory.set('data.layer', item.dataset.layer ?? 'preview')
      this.open()
    })
    const kept = this.layers.items.find((item) => item.dataset.layer === memory.get('data.layer', 'preview'))
    if (kept) this.layers.select(kept)
    this.select.addEventListener('change', () => {
      memory.set('data.binding', this.select.value)
      this.open()
    })
    need('#data-reload').addEventListener('click', () => void this.load())
    need('#data-trigger').addEventListener('click', () => void this.openTrigger())
    this.wireReset(need<HTMLButtonElement>('#data-reset'))
  }

  /** The pane was shown or hidden. */
  show(visible: boolean): void {
    this.visible = visible
    if (visible && (!this.index || this.stale)) void this.load()
  }

  /** Another draft answers, or another version is live: there may be other bindings, and other migrations. */
  ready(): void {
    if (this.visible) void this.refresh()
    else this.stale = true
  }

  /** Chooses what is shown when the pane is next. */
  choose(binding: string, layer: Layer): void {
    this.memory.set('data.binding', binding)
    const item = this.layers.items.find((each) => each.dataset.layer === layer)
    if (item) this.layers.select(item)
    if (this.visible) void this.load()
    else this.stale = true
  }

  private get layer(): Layer {
    return this.layers.chosen?.dataset.layer === 'live' ? 'live' : 'preview'
  }

  private async load(): Promise<void> {
    this.stale = false
    try {
      this.index = await this.api.call<DataIndex>('GET', `/workers/${this.worker}/data`)
    } catch (error) {
      this.body.replaceChildren(failed('Not read', error))
      return
    }
    this.draw(this.index)
  }

  /** As load, but what is open stays where the bindings are the same. */
  private async refresh(): Promise<void> {
    const before = JSON.stringify(this.index?.bindings)
    try {
      this.index = await this.api.call<DataIndex>('GET', `/workers/${this.worker}/data`)
    } catch {
      return // the next draft, or the button, reads again
    }
    if (JSON.stringify(this.index.bindings) !== before) this.draw(this.index)
    else void this.view?.changed?.()
  }

  private draw(index: DataIndex): void {
    const kept = this.memory.get('data.binding', '')
    this.select.replaceChildren(...index.bindings.map(({ kind, name, resource }) => {
      const label = resource && resource !== name ? `${KINDS[kind]} ${name}, ${resource}` : `${KINDS[kind]} ${name}`
      return h('option', { value: name, selected: name === kept }, label)
    }))
    this.select.disabled = index.bindings.length === 0
    if (this.select.disabled) this.select.append(h('option', {}, 'No bindings'))
    for (const id of ['#data-trigger', '#data-reset']) need<HTMLButtonElement>(id).disabled = !index.canEdit
    this.open()
  }

  private open(): void {
    const binding = this.index?.bindings.find(({ name }) => name === this.select.value)
    this.view = null
    if (!this.index) return
    if (!binding) return this.body.replaceChildren(this.empty())
    const source = new Source(this.api, this.worker, binding, this.layer, { canEdit: this.index.canEdit, open: this.openFile })
    if (this.index.canEdit) this.view = new VIEWS[binding.kind](source)
    else {
      const note = h('div', { class: 'empty' }, h('h3', {}, 'You can look at this worker, not at its data'), h('p', {}, 'Ask an owner to make you an editor.'))
      if (binding.kind !== 'd1') return this.body.replaceChildren(note)
      this.view = new D1Outline(source, note)
    }
    this.body.replaceChildren(this.view.element)
    void this.view.load()
  }

  private empty(): HTMLElement {
    const copy = h('button', { class: 'btn btn--s', type: 'button' }, icon('copy'), h('span', {}, 'Copy'))
    copy.addEventListener('click', () => void copyFrom(copy, EXAMPLE))
    return h('div', { class: 'empty' }, h('h3', {}, 'This worker keeps nothing yet'), h('p', {}, 'Name what it may use in quickedit.json, and env.KV, env.DB and env.BUCKET are there:'), h('pre', { class: 'code', tabindex: '0', role: 'group', 'aria-label': 'Example' }, EXAMPLE), copy)
  }

  private async openTrigger(): Promise<void> {
    await this.refresh()
    if (this.index) this.trigger.open(this.index)
  }

  private wireReset(button: HTMLButtonElement): void {
    let timer: ReturnType<typeof setTimeout> | undefined
    const rest = () => {
      clearTimeout(timer)
      timer = undefined
      button.classList.remove('is-armed')
      button.setAttribute('aria-label', 'Reset the preview’s data')
    }
    button.addEventListener('click', () => {
      if (!timer) {
        button.classList.add('is-armed')
        button.setAttribute('aria-label', 'Press again to reset the preview’s data')
        timer = setTimeout(rest, 4000)
        return
      }
      rest()
      this.api.call('POST', `/workers/${this.worker}/data-reset`).then(
        () => (toast({ level: 'info', message: 'The preview shows the live data again.' }), void this.view?.load()),
        (error: unknown) => toast({ level: 'error', message: 'The preview’s data is as it was.', hint: said(error) }),
      )
    })
  }
}
