/**
 * The handle between the workbench and the panes: drag, arrows (16 px), Home and End for the bounds, double click or Enter resets.
 */

import { need } from './dom'

const STEP_PX = 16
const MIN = 20
const MAX = 75
const KEY = 'quickedit:side'

export function startSplit(): void {
  const handle = need('#split')
  const side = need('#side')
  const main = need('#main')
  const share = () => (side.getBoundingClientRect().width / main.getBoundingClientRect().width) * 100
  const set = (percent: number | null) => {
    if (percent === null) side.style.removeProperty('--side')
    else side.style.setProperty('--side', `${Math.min(MAX, Math.max(MIN, percent)).toFixed(2)}%`)
    handle.setAttribute('aria-valuenow', String(Math.round(share())))
    keep(side.style.getPropertyValue('--side'))
  }
  const kept = recall()
  if (kept) set(kept)

  handle.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    event.preventDefault()
    handle.focus()
    handle.setPointerCapture(event.pointerId)
    handle.classList.add('is-dragging')
    document.body.classList.add('is-resizing') // or the frames would take the pointer
  })
  handle.addEventListener('pointermove', (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return
    const box = main.getBoundingClientRect()
    set(((box.right - event.clientX) / box.width) * 100)
  })
  const drop = () => {
    handle.classList.remove('is-dragging')
    document.body.classList.remove('is-resizing')
  }
  handle.addEventListener('lostpointercapture', drop)
  handle.addEventListener('dblclick', () => set(null))
  handle.addEventListener('keydown', (event) => {
    const step = (STEP_PX / main.getBoundingClientRect().width) * 100
    if (event.key === 'ArrowLeft') set(share() + step)
    else if (event.key === 'ArrowRight') set(share() - step)
    else if (event.key === 'Home') set(MAX)
    else if (event.key === 'End') set(MIN)
    else if (event.key === 'Enter') set(null)
    else return
    event.preventDefault()
  })
}

function recall(): number | null {
  try {
    const value = parseFloat(localStorage.getItem(KEY) ?? '')
    return Number.isFinite(value) ? value : null
  } catch {
    return null
  }
}

function keep(value: string): void {
  try {
    if (value) localStorage.setItem(KEY, value)
    else localStorage.removeItem(KEY)
  } catch {
    // not kept: the split is as designed next time
  }
}
