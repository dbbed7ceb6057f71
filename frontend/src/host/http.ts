/**
 * The HTTP pane: composes a request, has the server send it to the member's own draft, and shows the answer. What was typed stays
 * over a reload. The answer is a stranger's: it is only ever shown as text, or as an image made of a data URL.
 */

import { said, type Api } from './api'
import { busy, isBusy } from './dialog'
import { copyFrom, h, icon, need } from './dom'
import type { Memory } from './memory'
import { Roving } from './roving'
import { duration } from './time'

export interface Answer {
  status: number
  headers: [string, string][]
  body: string
  encoding?: 'text' | 'base64'
  ms: number
  truncated?: boolean
  /** Bytes of the whole body, where the server says. */
  size?: number
}

const SHOWN_CHARACTERS = 200_000

export class HttpPane {
  private readonly form = need<HTMLFormElement>('#http-form')
  private readonly method = need<HTMLSelectElement>('#http-method')
  private readonly path = need<HTMLInputElement>('#http-path')
  private readonly headers = need<HTMLTableSectionElement>('#http-headers tbody')
  private readonly body = need<HTMLTextAreaElement>('#http-body textarea')
  private readonly out = need('#http-out')

  constructor(
    private readonly api: Api,
    private readonly worker: string,
    private readonly memory: Memory,
  ) {
    this.method.value = memory.get('http.method', 'GET')
    this.path.value = memory.get('http.path', '/')
    this.body.value = memory.get('http.body', '')
    this.readHeaders()
    new Roving(need('#pane-http [role="tablist"]'), (item) => {
      need('#http-headers').hidden = item.id !== 'tab-headers'
      need('#http-body').hidden = item.id !== 'tab-body'
    })
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.send()
    })
    need('#pane-http').addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
        event.preventDefault()
        void this.send()
      }
    })
    need('#pane-http').addEventListener('input', () => this.keep())
  }

  /** Sends what is typed, or `GET /` where asked so by the console. */
  async send(path?: string): Promise<void> {
    const button = need<HTMLButtonElement>('button[type="submit"]', this.form)
    if (isBusy(button)) return
    if (path) {
      this.method.value = 'GET'
      this.path.value = path
    }
    this.path.value = requestPath(this.path.value)
    const method = this.method.value
    busy(button, true)
    this.out.classList.add('is-old')
    try {
      const bodiless = method === 'GET' || method === 'HEAD'
      const answer = await this.api.call<Answer>('POST', `/workers/${this.worker}/requests`, {
        method, path: this.path.value, headers: this.pairs(), body: bodiless ? '' : this.body.value,
      })
      this.show(answer)
    } catch (error) {
      this.out.replaceChildren(h('div', { class: 'banner banner--fail' }, icon('fault'), h('span', { class: 'grow' }, h('b', {}, 'Not sent: '), said(error))))
    }
    this.out.classList.remove('is-old')
    busy(button, false)
  }

  focus(): void {
    this.path.focus()
  }

  private show(answer: Answer): void {
    const type = answer.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
    const kind = answer.status >= 500 ? 'badge--fail' : answer.status < 400 ? 'badge--live' : ''
    const copy = h('button', { class: 'btn btn--s btn--ghost', type: 'button' }, icon('copy'), h('span', {}, 'Copy body'))
    copy.addEventListener('click', () => void copyFrom(copy, answer.body))
    this.out.replaceChildren(
      h('div', { class: 'resp' },
        h('span', { class: `badge badge--square ${kind}`.trim() }, statusText(answer.status)),
        h('dl', {}, h('div', {}, h('dt', {}, 'Time'), h('dd', {}, duration(answer.ms))), h('div', {}, h('dt', {}, 'Size'), h('dd', {}, size(answer)))),
        h('span', { class: 'grow' }), answer.encoding === 'base64' ? null : copy),
      section(`Body`, type || 'no type', this.bodyOf(answer, type)),
      section('Headers', String(answer.headers.length), h('dl', { class: 'hdrs' }, ...answer.headers.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]))),
    )
  }

  private bodyOf(answer: Answer, type: string): HTMLElement {
    if (answer.encoding === 'base64') {
      const image = /^image\/(png|jpeg|gif|webp|avif)/.exec(type)
      if (image) return h('img', { src: `data:${image[0]};base64,${answer.body}`, alt: 'The response, an image' })
      return h('p', { class: 'http__note' }, `${size(answer)} of bytes, not shown.`)
    }
    if (!answer.body) return h('p', { class: 'http__note' }, 'The body is empty.')
    const text = pretty(answer.body, type)
    const cut = text.length > SHOWN_CHARACTERS
    const note = cut || answer.truncated ? h('p', { class: 'http__note' }, `Only the first ${Math.min(text.length, SHOWN_CHARACTERS)} characters are shown.`) : null
    return h('div', {}, h('pre', { tabindex: '0', role: 'group', 'aria-label': 'Response body' }, cut ? text.slice(0, SHOWN_CHARACTERS) : text), note)
  }

  // --- the header rows: there is always one empty row at the end ---------------------------------------------------

  private readHeaders(): void {
    const kept = this.memory.get('http.headers', '')
    for (const line of kept.split('\n').filter(Boolean)) {
      const [name = '', ...value] = line.split(':')
      this.headers.append(this.headerRow(name, value.join(':').trim()))
    }
    this.headers.append(this.headerRow('', ''))
    this.count()
  }

  private headerRow(name: string, value: string): HTMLTableRowElement {
    const field = (label: string, text: string) => h('input', { 'aria-label': label, value: text, placeholder: label, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })
    const row = h('tr', {}, h('td', {}, field('Header name', name)), h('td', {}, field('Header value', value)), h('td', {}))
    const remove = h('button', { class: 'iconbtn', type: 'button', 'aria-label': 'Remove this header', title: 'Remove' }, icon('close'))
    remove.addEventListener('click', () => {
      const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector('input')
      if (row.nextElementSibling) row.remove()
      next?.focus()
      this.keep()
    })
    row.lastElementChild?.append(remove)
    row.addEventListener('input', () => {
      if (!row.nextElementSibling) this.headers.append(this.headerRow('', ''))
    })
    return row
  }

  private pairs(): [string, string][] {
    return [...this.headers.rows]
      .map((row) => [...row.querySelectorAll('input')].map((input) => input.value.trim()))
      .filter((pair): pair is [string, string] => Boolean(pair[0]))
  }

  private keep(): void {
    this.memory.set('http.method', this.method.value)
    this.memory.set('http.path', this.path.value)
    this.memory.set('http.body', this.body.value)
    this.memory.set('http.headers', this.pairs().map((pair) => pair.join(': ')).join('\n'))
    this.count()
  }

  private count(): void {
    const count = need('#http-header-count')
    const n = this.pairs().length
    count.hidden = n === 0
    count.textContent = String(n)
  }
}

function section(title: string, note: string, body: HTMLElement): HTMLElement {
  return h('details', { class: 'sect', open: true }, h('summary', {}, icon('chevron-right'), title, h('span', { class: 'muted' }, note)), body)
}

/** A typed path as a request line can carry it: with its slash, and everything but visible ASCII as %XX. */
export function requestPath(typed: string): string {
  const path = typed.trim().replace(/[^\x21-\x7e]/gu, encodeURIComponent)
  return path.startsWith('/') ? path : `/${path}`
}

/** JSON indented; everything else as it came. */
export function pretty(body: string, type: string): string {
  if (!/json/i.test(type)) return body
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}

export function size(answer: Pick<Answer, 'body' | 'encoding' | 'size'>): string {
  const bytes = answer.size !== undefined ? answer.size : answer.encoding === 'base64' ? Math.floor((answer.body.replace(/=+$/, '').length * 3) / 4) : new TextEncoder().encode(answer.body).length
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
}

const REASONS: Record<number, string> = {
  200: 'OK', 201: 'Created', 204: 'No Content', 301: 'Moved', 302: 'Found', 303: 'See Other', 304: 'Not Modified', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 413: 'Too Large', 422: 'Unprocessable', 429: 'Too Many Requests',
  500: 'Server Error', 502: 'Bad Gateway', 503: 'Unavailable', 504: 'Timeout',
}

function statusText(status: number): string {
  return `${status} ${REASONS[status] ?? ''}`.trim()
}
