/**
 * An R2 bucket: its objects folder by folder, one opened, files put in.
 */

import { h, icon } from '../dom'
import { bytes, confirmed, failed, nothing, shown, type Content, type Source, type View } from './source'

interface Info {
  key: string
  size: number
  etag: string
  uploaded: number
  httpMetadata: { contentType?: string }
  customMetadata: Record<string, string>
}

const MOST = 8 * 1024 * 1024

export class R2View implements View {
  readonly element = h('div', { class: 'dataview' })
  private readonly where = h('nav', { class: 'crumbs grow', 'aria-label': 'Folder' })
  private readonly rows = h('tbody', {})
  private readonly list = h('div', { class: 'datalist' })
  private readonly detail = h('section', { class: 'datadetail', 'aria-label': 'Object', hidden: true })
  private readonly more = h('button', { class: 'btn btn--s', type: 'button', hidden: true }, 'More objects')
  private prefix = ''
  private cursor = ''

  constructor(private readonly source: Source) {
    const file = h('input', { type: 'file', class: 'sr', 'aria-label': 'File to put', multiple: true })
    const put = h('button', { class: 'btn btn--s', type: 'button' }, icon('plus'), 'Put file')
    put.addEventListener('click', () => file.click())
    file.addEventListener('change', () => void this.put([...(file.files ?? [])]).finally(() => (file.value = '')))
    this.more.addEventListener('click', () => void this.fetch(this.cursor))
    this.element.append(h('div', { class: 'databar' }, this.where, file, put), this.list, this.detail)
  }

  load(): Promise<void> {
    this.rows.replaceChildren()
    this.detail.hidden = true
    this.crumbs()
    return this.fetch('')
  }

  private async fetch(cursor: string): Promise<void> {
    try {
      const page = await this.source.ask<{ objects: Info[]; delimitedPrefixes: string[]; cursor?: string }>('list', { prefix: this.prefix, delimiter: '/', cursor })
      this.rows.append(...page.delimitedPrefixes.map((prefix) => this.folder(prefix)), ...page.objects.map((info) => this.row(info)))
      this.cursor = page.cursor ?? ''
      this.more.hidden = !this.cursor
      const head = h('tr', {}, h('th', { scope: 'col' }, 'Object'), h('th', { scope: 'col', class: 'right' }, 'Size'), h('th', { scope: 'col' }, 'Type'))
      if (this.rows.rows.length) this.list.replaceChildren(h('table', { class: 'datatable', 'aria-label': 'Objects' }, h('thead', {}, head), this.rows), this.more)
      else this.list.replaceChildren(nothing('No objects yet', `env.${this.source.binding.name}.put("key", data) stores one, and so does “Put file”.`))
    } catch (error) {
      this.list.replaceChildren(failed('Not read', error))
    }
  }

  private crumbs(): void {
    const step = (label: string, prefix: string) => {
      const button = h('button', { class: 'linklike', type: 'button' }, label)
      button.addEventListener('click', () => this.go(prefix))
      return button
    }
    const parts = this.prefix.split('/').filter(Boolean)
    const steps = parts.flatMap((part, at) => [h('span', { class: 'muted', 'aria-hidden': 'true' }, '/'), step(part, `${parts.slice(0, at + 1).join('/')}/`)])
    this.where.replaceChildren(step(this.source.binding.name, ''), ...steps)
  }

  private go(prefix: string): void {
    this.prefix = prefix
    void this.load()
  }

  private folder(prefix: string): HTMLTableRowElement {
    const name = h('button', { class: 'linkrow', type: 'button' }, prefix.slice(this.prefix.length))
    name.addEventListener('click', () => this.go(prefix))
    return h('tr', {}, h('td', {}, name), h('td', {}), h('td', { class: 'muted' }, 'folder'))
  }

  private row(info: Info): HTMLTableRowElement {
    const name = h('button', { class: 'linkrow', type: 'button' }, info.key.slice(this.prefix.length) || info.key)
    name.addEventListener('click', () => void this.show(info.key))
    return h('tr', {}, h('td', {}, name), h('td', { class: 'right' }, bytes(info.size)), h('td', {}, info.httpMetadata.contentType ?? ''))
  }

  private async show(key: string): Promise<void> {
    this.detail.hidden = false
    try {
      const found = await this.source.ask<(Content & { info: Info }) | null>('get', { key })
      if (!found) return await this.load()
      const facts: [string, string][] = [['Key', key], ['Size', bytes(found.info.size)], ['Stored', new Date(found.info.uploaded).toISOString()], ['ETag', found.info.etag]]
      facts.push(...Object.entries(found.info.customMetadata))
      const close = h('button', { class: 'btn btn--s btn--ghost', type: 'button' }, 'Close')
      close.addEventListener('click', () => (this.detail.hidden = true))
      this.detail.replaceChildren(
        h('dl', { class: 'hdrs' }, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
        shown(found, found.info.httpMetadata.contentType),
        h('div', { class: 'datafoot' }, confirmed('Delete', `Delete ${key}?`, () => void this.remove(key)), h('span', { class: 'grow' }), close),
      )
    } catch (error) {
      this.detail.replaceChildren(failed('Not read', error))
    }
  }

  private async remove(key: string): Promise<void> {
    try {
      await this.source.ask('delete', { key })
      await this.load()
    } catch (error) {
      this.detail.append(failed('Not deleted', error))
    }
  }

  private async put(files: File[]): Promise<void> {
    try {
      for (const file of files) {
        if (file.size > MOST) throw new Error(`${file.name} is over ${bytes(MOST)}; larger objects are put by the worker.`)
        const data = new Uint8Array(await file.arrayBuffer())
        let text = ''
        for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000))
        await this.source.ask('put', { key: this.prefix + file.name, content_type: file.type }, btoa(text), 'base64')
      }
      await this.load()
    } catch (error) {
      this.detail.hidden = false
      this.detail.replaceChildren(failed('Not put', error))
    }
  }
}
