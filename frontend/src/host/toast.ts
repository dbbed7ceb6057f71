/**
 * Short notes at the edge of the page. Never the only place where a failure is said: what failed says so where it happened too.
 */

import { h, icon } from './dom'

const STAY_MS = 6000
let box: HTMLElement | null = null

export interface Toast {
  message: string
  level?: 'info' | 'warning' | 'error'
  hint?: string
  action?: { label: string; run: () => void }
  /** Milliseconds; errors stay until they are closed. */
  stay?: number
}

/** Shows a note for 6 s (not while it is hovered or focused; a failure stays). Gives a function that takes it away. */
export function toast({ message, level = 'info', hint = '', action, stay = STAY_MS }: Toast): () => void {
  const host = container()
  const close = () => {
    clearTimeout(timer)
    note.remove()
    if (!host.childElementCount && host.matches(':popover-open')) host.hidePopover()
  }
  const mark = level === 'info' ? icon('check', 'is-live') : icon(level === 'error' ? 'fault' : 'warning', level === 'error' ? 'is-fail' : 'is-draft')
  const note = h('div', { class: 'toast', role: level === 'error' ? 'alert' : null }, mark, h('span', { class: 'grow' }, h('span', { class: 'strong' }, message), hint && ` ${hint}`))
  if (action) {
    note.append(h('button', { class: 'btn btn--s', type: 'button', onclick: () => (close(), action.run()) }, action.label))
  }
  note.append(h('button', { class: 'iconbtn', type: 'button', 'aria-label': 'Dismiss', onclick: close }, icon('close')))
  let timer: ReturnType<typeof setTimeout>
  const arm = () => {
    clearTimeout(timer)
    if (level !== 'error') timer = setTimeout(close, stay)
  }
  const hold = () => clearTimeout(timer)
  note.addEventListener('pointerenter', hold)
  note.addEventListener('focusin', hold)
  note.addEventListener('pointerleave', arm)
  note.addEventListener('focusout', arm)
  host.append(note)
  if (host.matches(':popover-open')) host.hidePopover() // shown again, it lies above a dialog that was opened since
  host.showPopover()
  arm()
  return close
}

function container(): HTMLElement {
  if (!box) {
    box = h('div', { class: 'toasts', popover: 'manual', 'aria-live': 'polite', 'aria-label': 'Messages', role: 'region' })
    document.body.append(box)
  }
  return box
}
