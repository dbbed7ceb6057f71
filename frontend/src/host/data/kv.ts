/**
 * A KV namespace: its keys by prefix, one opened to read and change.
 */

import { busy, isBusy } from '../dialog'
import { h, icon } from '../dom'
import { bytes, confirmed, failed, nothing, type Content, type Source, type View } from './source'

interface Key {
  name: string
  size: number
  expires: number | null
  metadata: unknown
}

export class KvView implements View {
  readonly element = h('div', { class: 'dataview' })
  private readonly prefix = h('input', { 'aria-label': 'Prefix', placeholder: 'Prefix', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })
  private readonly rows = h('tbody', {})
  private readonly list = h('div', { class: 'datalist' })
  private readonly detail = h('section', { class: 'datadetail', 'aria-label': 'Value', hidden: true })
  private readonly more = h('button', { class: 'btn btn--s', type: 'button', hidden: true }, 'More keys')
  private cursor = ''
  private open = ''

  constructor(private readonly source: Source) {
    const add = h('button', { class: 'btn btn--s', type: 'button' }, icon('plus'), 'Add key')
    add.addEventListener('click', () => this.edit(''))
    this.prefix.addEventListener('change', () => void this.load())
    this.more.addEventListener('click', () => void this.fetch(this.cursor))
    this.element.append(
      h('div', { class: 'databar' }, h('label', { class: 'inputwrap inputwrap--s grow' }, icon('filter'), this.prefix), add),
      this.list, this.detail,
    )
  }

  load(): Promise<void> {
    this.rows.replaceChildren()
    return this.fetch('')
  }

  private async fetch(cursor: string): Promise<void> {
    try {
      const page = await this.source.ask<{ keys: Key[]; cursor: string }>('list', { prefix: this.prefix.value, cursor })
      this.rows.append(...page.keys.map((key) => this.row(key)))
      this.cursor = page.cursor
      this.more.hidden = !page.cursor
      if (this.rows.rows.length) {
        const head = h('tr', {}, h('th', { scope: 'col' }, 'Key'), h('th', { scope: 'col', class: 'right' }, 'Size'), h('th', { scope: 'col' }, 'Expires'))
        this.list.replaceChildren(h('table', { class: 'datatable', 'aria-label': 'Keys' }, h('thead', {}, head), this.rows), this.more)
      } else if (this.prefix.value) this.list.replaceChildren(nothing('No such keys', `No key begins with “${this.prefix.value}”.`))
      else this.list.replaceChildren(nothing('No keys yet', `env.${this.source.binding.name}.put("key", "value") makes one, and so does “Add key”.`))
    } catch (error) {
      this.list.replaceChildren(failed('Not read', error))
    }
  }

  private row(key: Key): HTMLTableRowElement {
    const name = h('button', { class: 'linkrow', type: 'button', 'aria-expanded': String(key.name === this.open) }, key.name)
    name.addEventListener('click', () => void this.show(key.name))
    const until = key.expires === null ? '' : new Date(key.expires * 1000).toISOString().slice(0, 16).replace('T', ' ')
    return h('tr', {}, h('td', {}, name), h('td', { class: 'right' }, bytes(key.size)), h('td', {}, until))
  }

  private async show(key: string): Promise<void> {
    try {
      const found = await this.source.ask<(Content & { metadata: unknown }) | null>('get', { key })
      if (found) this.edit(key, found, found.metadata)
      else await this.load()
    } catch (error) {
      this.detail.hidden = false
      this.detail.replaceChildren(failed('Not read', error))
    }
  }

  private edit(key: string, content?: Content, metadata?: unknown): void {
    this.open = key
    const name = h('input', { class: 'input input--s mono', 'aria-label': 'Key', value: key, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', readonly: Boolean(key) })
    const value = h('textarea', { class: 'textarea mono', rows: '6', 'aria-label': 'Value', spellcheck: 'false' })
    const about = h('input', { class: 'input input--s mono', 'aria-label': 'Metadata, as JSON', placeholder: 'Metadata, as JSON', autocomplete: 'off', spellcheck: 'false', value: metadata === null || metadata === undefined ? '' : JSON.stringify(metadata) })
    value.value = content?.encoding === 'text' ? content.body : ''
    const binary = content?.encoding === 'base64'
    const said = h('div', { 'aria-live': 'polite' })
    const save = h('button', { class: 'btn btn--s btn--primary', type: 'submit' }, 'Save')
    const form = h('form', { class: 'stack' }, name,
      binary ? h('p', { class: 'http__note' }, `${bytes(content?.size ?? 0)} that are no text. Saving replaces them.`) : null,
      value, about, said,
      h('div', { class: 'datafoot' }, save, key ? confirmed('Delete', `Delete ${key}?`, () => void this.change('delete', key, said)) : null, h('span', { class: 'grow' }), this.closer()))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (isBusy(save)) return
      busy(save, true)
      void this.change('put', name.value, said, value.value, about.value).finally(() => busy(save, false))
    })
    this.detail.replaceChildren(form)
    this.detail.hidden = false
    ;(key ? value : name).focus()
  }

  private async change(method: 'put' | 'delete', key: string, said: HTMLElement, body = '', metadata = ''): Promise<void> {
    try {
      const args = method === 'put' && metadata.trim() ? { key, metadata: JSON.parse(metadata) as unknown } : { key }
      await this.source.ask(method, args, body)
      this.detail.hidden = true
      await this.load()
      this.prefix.focus()
    } catch (error) {
      said.replaceChildren(failed('Not saved', error instanceof SyntaxError ? new Error('The metadata is no JSON.') : error))
    }
  }

  private closer(): HTMLButtonElement {
    const close = h('button', { class: 'btn btn--s btn--ghost', type: 'button' }, 'Close')
    close.addEventListener('click', () => {
      this.detail.hidden = true
      this.prefix.focus()
    })
    return close
  }
}
