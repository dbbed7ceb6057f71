/**
 * The Data pane's questions to the API, and the small things that its views share.
 */

import { said, type Api } from '../api'
import { h, icon } from '../dom'
import type { OpenRequest } from '../preview-rules'
import type { Applied, Migrations } from './migrations'

export interface BindingInfo {
  kind: 'kv' | 'd1' | 'r2' | 'queue'
  name: string
  resource: string
}

export interface DataIndex {
  bindings: BindingInfo[]
  consumers: string[]
  crons: string[]
  live: boolean
  canEdit: boolean
}

export type Layer = 'preview' | 'live'

/** A value as the server shows it. */
export interface Content {
  body: string
  encoding: 'text' | 'base64'
  size: number
}

/** What a view may ask of the page, and whether this person may change the worker's data. */
export interface DataPage {
  canEdit: boolean
  open(request: OpenRequest): void
}

/** One binding in one layer. */
export class Source {
  constructor(
    private readonly api: Api,
    private readonly worker: string,
    readonly binding: BindingInfo,
    readonly layer: Layer,
    readonly page: DataPage,
  ) {}

  ask<T>(method: string, args: Record<string, unknown> = {}, body = '', encoding: 'text' | 'base64' = 'text'): Promise<T> {
    const path = `/workers/${this.worker}/data/${encodeURIComponent(this.binding.name)}`
    return this.api.call<T>('POST', path, { layer: this.layer, method, args, body, encoding })
  }

  /** Of all D1 bindings that have any. */
  async migrations(): Promise<Migrations[]> {
    return (await this.api.call<{ migrations: Migrations[] }>('GET', `/workers/${this.worker}/migrations?layer=${this.layer}`)).migrations
  }

  migrate(binding: string, names: string[]): Promise<Applied> {
    return this.api.call<Applied>('POST', `/workers/${this.worker}/migrations`, { layer: this.layer, binding, names })
  }
}

/** What shows one binding. `load` fetches anew, `changed` what a newer draft or version may change; neither throws. */
export interface View {
  readonly element: HTMLElement
  load(): Promise<void>
  changed?(): Promise<void>
}

/** A failure where it happened. */
export function failed(what: string, error: unknown): HTMLElement {
  return h('div', { class: 'banner banner--fail', role: 'alert' }, icon('fault'), h('span', { class: 'grow' }, h('b', {}, `${what}: `), said(error)))
}

export function nothing(title: string, text: string): HTMLElement {
  return h('div', { class: 'empty' }, h('h3', {}, title), h('p', {}, text))
}

/** `1,234 B`, `12.3 KB`, `4.5 MB`. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(1)} KB` : `${(count / 1024 / 1024).toFixed(1)} MB`
}

/** A value as a person reads it: text as it is, JSON indented, an image as one, other bytes by their number. */
export function shown(content: Content, type = ''): HTMLElement {
  const image = /^image\/(png|jpeg|gif|webp|avif)/.exec(type)
  if (image && content.encoding === 'base64') return h('img', { src: `data:${image[0]};base64,${content.body}`, alt: 'The value, an image' })
  if (content.encoding === 'base64') return h('p', { class: 'http__note' }, `${bytes(content.size)} that are no text.`)
  return h('pre', { tabindex: '0', role: 'group', 'aria-label': 'Value' }, content.body)
}

/** A button that asks for a second press before it does what cannot be undone. */
export function confirmed(label: string, again: string, run: () => void, { symbol = 'trash', style = 'btn--ghost' } = {}): HTMLButtonElement {
  const text = h('span', {}, label)
  const button = h('button', { class: `btn btn--s ${style}`, type: 'button' }, symbol && icon(symbol), text)
  let timer: ReturnType<typeof setTimeout> | undefined
  const rest = () => {
    clearTimeout(timer)
    timer = undefined
    text.textContent = label
    button.classList.remove('btn--danger')
  }
  button.addEventListener('click', () => {
    if (timer) {
      rest()
      run()
      return
    }
    text.textContent = again
    button.classList.add('btn--danger')
    timer = setTimeout(rest, 4000)
  })
  return button
}
