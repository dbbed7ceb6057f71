/**
 * The preview pane: the draft's page in a sandboxed frame of its own origin. A new page loads and paints in a second frame beneath
 * the shown one and then replaces it, so nothing flashes; each frame is new, so reloads leave no trace in the tab's history. While it
 * loads it is inert, so a page that focuses a field when it starts does not take the keys of somebody who types in the editor.
 */

import { find, h, need } from './dom'
import type { Memory } from './memory'
import { guessNavigation, readOpen, toPath, type OpenRequest, type Seen } from './preview-rules'
import { Roving } from './roving'
import { onTheme, theme } from './theme'

const SANDBOX = 'allow-scripts allow-same-origin allow-forms allow-popups allow-modals allow-downloads'
const PATIENCE_MS = 15_000
const AFTER_ANSWER_MS = 1_200
const LOG_LAG_MS = 200
const FIRST_MS = 250
const KEPT_REQUESTS = 60

export interface PreviewEvents {
  /** A frame of an error page was clicked. */
  open(request: OpenRequest, focus: boolean): void
  /** Another page is shown than before. */
  shown(): void
  /** A draft is ready that is not shown: automatic reload is off, or the page cannot be asked for again. */
  held(why: 'manual' | 'posted'): void
}

export class PreviewPane {
  private origin = ''
  private path: string
  private shown: HTMLIFrameElement | null = null
  private loading: HTMLIFrameElement | null = null
  private patience: ReturnType<typeof setTimeout> | undefined
  private repeatable = true
  private lastLoad = 0
  private seen: Seen[] = []
  private readonly stage = need('#stage')
  private readonly input = need<HTMLInputElement>('#address input')
  private readonly link = need<HTMLAnchorElement>('#open-preview')
  private readonly auto = need('#auto')

  constructor(
    private readonly memory: Memory,
    private readonly events: PreviewEvents,
  ) {
    this.path = memory.get('path', '/')
    this.input.value = this.path
    this.auto.setAttribute('aria-checked', String(memory.get('auto', true)))
    this.wireTools()
    addEventListener('message', (event) => this.hear(event))
    onTheme(() => this.tellTheme())
  }

  /** Where this member's private preview is; the first page is asked for when the draft runs. */
  setAddress(origin: string): void {
    if (origin === this.origin) return
    this.origin = origin
    const host = need('#address .host')
    host.textContent = short(new URL(origin).host)
    host.title = origin
    // The draft mostly becomes ready in the same breath; if it does not, whatever answers there is shown.
    setTimeout(() => !this.shown && !this.loading && this.go(this.path), FIRST_MS)
  }

  /** A new draft answers: shows it, unless that is switched off or would repeat a POST. */
  ready(): void {
    if (!this.origin) return
    if (!this.shown) return this.go(this.path)
    if (this.auto.getAttribute('aria-checked') !== 'true') return this.events.held('manual')
    if (!this.repeatable) return this.events.held('posted')
    this.go(this.path)
  }

  /** Asks for the page again, with GET. */
  reload(): void {
    this.go(this.path)
  }

  /** A request that the draft answered: tells where the reader went, and that the awaited page is on its way. */
  answered(request: Seen): void {
    this.seen.push(request)
    if (this.seen.length > KEPT_REQUESTS) this.seen.shift()
    if (this.loading && request.status > 0 && this.path.split('#')[0] === request.path) this.expect(AFTER_ANSWER_MS)
  }

  /** The frame that has the page, for the focus. */
  focus(): void {
    this.shown?.focus()
  }

  private go(path: string): void {
    this.path = toPath(path, this.origin || location.origin)
    this.input.value = this.path
    this.memory.set('path', this.path)
    if (!this.origin) return
    this.link.href = this.origin + this.path
    this.link.removeAttribute('aria-disabled')
    this.loading?.remove()
    const frame = h('iframe', {
      sandbox: SANDBOX, allow: '', referrerpolicy: 'no-referrer', 'data-role': 'loading', 'aria-hidden': 'true', tabindex: '-1', inert: true,
    })
    this.loading = frame
    this.stage.setAttribute('data-busy', '')
    frame.src = this.origin + this.path
    frame.addEventListener('load', () => (frame === this.loading ? this.paint(frame) : this.navigated(frame)))
    this.stage.append(frame)
    this.expect(PATIENCE_MS)
  }

  /** Shows the loading page after this long even if it is still waiting for some part of itself. */
  private expect(ms: number): void {
    clearTimeout(this.patience)
    const frame = this.loading
    this.patience = setTimeout(() => frame && frame === this.loading && this.paint(frame), ms)
  }

  private paint(frame: HTMLIFrameElement): void {
    this.tellTheme(frame)
    // Two frames later the browser has painted the new page beneath the old one; a page in the background never paints.
    if (document.visibilityState === 'hidden') this.swap(frame)
    else requestAnimationFrame(() => requestAnimationFrame(() => this.swap(frame)))
  }

  private swap(frame: HTMLIFrameElement): void {
    if (frame !== this.loading) return
    clearTimeout(this.patience)
    const old = this.shown
    const hadFocus = old !== null && document.activeElement === old
    for (const name of ['aria-hidden', 'tabindex', 'inert']) frame.removeAttribute(name)
    frame.title = 'Preview'
    frame.dataset.role = 'shown'
    this.shown = frame
    this.loading = null
    this.repeatable = true
    this.lastLoad = Date.now()
    if (hadFocus) frame.focus()
    old?.remove()
    this.stage.setAttribute('data-painted', '')
    this.stage.removeAttribute('data-busy')
    find('#stage-note')?.setAttribute('hidden', '')
    this.events.shown()
  }

  /** The shown page was left by a link or a form of its own. Its requests arrive by the bridge a moment later. */
  private navigated(frame: HTMLIFrameElement): void {
    if (frame !== this.shown) return
    this.tellTheme(frame)
    const since = this.lastLoad
    setTimeout(() => {
      if (frame !== this.shown) return
      this.lastLoad = Date.now()
      const guess = guessNavigation(this.seen.filter((request) => request.at > since))
      if (!guess) return
      this.repeatable = guess.repeatable
      this.path = guess.path
      this.memory.set('path', guess.path)
      this.link.href = this.origin + guess.path
      if (document.activeElement !== this.input) this.input.value = guess.path
    }, LOG_LAG_MS)
  }

  private hear(event: MessageEvent): void {
    if (!this.shown || event.source !== this.shown.contentWindow || event.origin !== this.origin) return
    const request = readOpen(event.data)
    // Only a person's click or key in the preview may move the editor: a page cannot do it by itself, nor while somebody types elsewhere.
    const pressed = document.activeElement === this.shown && (navigator.userActivation?.isActive ?? false)
    if (request && pressed) this.events.open(request, true)
  }

  private tellTheme(frame = this.shown): void {
    if (this.origin) frame?.contentWindow?.postMessage({ theme: theme() }, this.origin)
  }

  private wireTools(): void {
    need('#reload').addEventListener('click', () => this.reload())
    need<HTMLFormElement>('#address').addEventListener('submit', (event) => {
      event.preventDefault()
      this.go(this.input.value)
    })
    this.input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.input.value = this.path
    })
    this.auto.addEventListener('click', () => {
      const on = this.auto.getAttribute('aria-checked') !== 'true'
      this.auto.setAttribute('aria-checked', String(on))
      this.memory.set('auto', on)
      if (on) this.ready()
    })
    const widths = new Roving(need('#widths'), (item) => {
      const width = item.dataset.width ?? 'fill'
      this.stage.dataset.width = width
      this.memory.set('width', width)
    })
    const kept = widths.items.find((item) => item.dataset.width === this.memory.get('width', 'fill'))
    if (kept) widths.select(kept)
  }
}

/** `p-k7f3…localhost:8001`: a private label is long, and no one reads it. */
function short(host: string): string {
  const [label = '', ...rest] = host.split('.')
  return label.length > 12 ? `${label.slice(0, 8)}….${rest.join('.')}` : host
}
