/**
 * What lies over the workbench's iframe until it has painted: nothing for a moment, then a word, and after ten seconds the reason.
 */

import { h, need } from './dom'

const BOOT_MS = 20_000

export class EditorCover {
  private readonly section = need('#workbench')
  private note: HTMLElement | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly retry: () => void) {}

  /** The iframe has its port; it paints soon, or is shown as it is. */
  expectBoot(): void {
    this.note?.remove()
    this.note = null
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.booted(), BOOT_MS)
  }

  booted(): void {
    clearTimeout(this.timer)
    this.section.setAttribute('data-booted', '')
  }

  /** The iframe never asked for its port. */
  missing(): void {
    const origin = new URL(need<HTMLIFrameElement>('#editor').src).host
    const again = h('button', { class: 'btn', type: 'button' }, 'Try again')
    again.addEventListener('click', () => {
      this.note?.remove()
      this.note = null
      this.retry()
    })
    this.note?.remove()
    this.note = h('div', { class: 'wb__note', role: 'alert' },
      h('h2', {}, 'The editor did not answer'),
      h('p', {}, `It is loaded from ${origin}, and nothing came from there within 10 s. A browser that does not resolve that name (Safari) needs a line in its hosts file: .venv/bin/quickedit doctor prints it. HTTP and Deploy work meanwhile.`),
      again)
    this.section.append(this.note)
  }
}
