/**
 * The quiet banner over the preview's top edge: a module that does not parse (the last good page stays), a draft that could not run,
 * a page that is behind. It floats, so that nothing moves, and holds back 600 ms, so that typing a bracket does not blink.
 */

import { h, icon, need } from './dom'
import type { OpenRequest } from './preview-rules'

const HOLD_MS = 600

export interface Unparsed {
  path: string
  line: number
  message: string
  /** Whether the last good draft still answers. */
  stays: boolean
}

export class PreviewBanner {
  private timer: ReturnType<typeof setTimeout> | undefined
  private pending: (() => HTMLElement) | null = null
  private shown: HTMLElement | null = null
  private behind = false

  constructor(private readonly open: (request: OpenRequest) => void) {}

  /** Names the line 600 ms after the last keystroke. */
  unparsed(problem: Unparsed): void {
    this.hold(() =>
      this.row('', 'warning', h('span', { class: 'cut grow', title: problem.message }, h('b', {}, `${problem.path}, line ${problem.line}`), `: ${problem.message}.${problem.stays ? ' Showing the last good draft.' : ''}`), 'Go to line', () => this.open(problem)),
    )
  }

  /** The draft was not run at all; the sentence and the next step are the server's. */
  failed(message: string, hint: string): void {
    this.hold(() => this.row('banner--fail', 'fault', h('span', { class: 'grow' }, h('b', {}, message), hint ? ` ${hint}` : ''), '', null))
  }

  /** A newer draft is ready and not shown. */
  held(why: 'manual' | 'posted', revision: number, reload: () => void): void {
    this.clear()
    this.behind = true
    const text = why === 'manual' ? `Draft ${revision} is ready.` : 'This page answered a POST, which is not sent again by itself.'
    this.put(this.row('banner--here', 'reload', h('span', { class: 'cut grow' }, text), 'Reload', reload))
  }

  /** The newest draft is shown: nothing is behind any more. */
  caughtUp(): void {
    if (this.behind) this.clear()
  }

  /** Something was typed: what waits to be said waits again. */
  typed(): void {
    if (this.pending) this.hold(this.pending)
  }

  clear(): void {
    this.behind = false
    clearTimeout(this.timer)
    this.pending = null
    this.shown?.remove()
    this.shown = null
  }

  private hold(make: () => HTMLElement): void {
    clearTimeout(this.timer)
    this.pending = make
    this.timer = setTimeout(() => {
      this.pending = null
      this.put(make())
    }, HOLD_MS)
  }

  private row(kind: string, sign: string, text: HTMLElement, action: string, run: (() => void) | null): HTMLElement {
    const row = h('div', { class: `banner ${kind}`.trim(), 'aria-live': 'polite' }, icon(sign), text)
    if (run) row.append(h('button', { class: 'btn btn--s btn--ghost', type: 'button', onclick: run }, action))
    return row
  }

  private put(row: HTMLElement): void {
    if (this.shown?.textContent === row.textContent) return
    const hadFocus = this.shown?.contains(document.activeElement)
    this.shown?.remove()
    this.shown = row
    need('#stage').append(row)
    if (hadFocus) row.querySelector('button')?.focus()
  }
}
