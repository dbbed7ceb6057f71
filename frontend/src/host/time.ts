/**
 * Times in words, the same words as the server's `ago` filter, kept true while a page stays open.
 */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export function ago(at: Date, now = new Date()): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - at.getTime()) / 1000))
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  const day = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
  const days = Math.round((day(now) - day(at)) / 86_400_000)
  if (days === 0) return `${Math.floor(seconds / 3600)} h ago`
  if (days === 1) return 'yesterday'
  if (days < 7) return `${days} days ago`
  return `${at.getDate()} ${MONTHS[at.getMonth()]}${at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`}`
}

/** `14:02:31` in the reader's zone, from milliseconds since the epoch. */
export function clock(at: number): string {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** `0.84 ms`, `12 ms`, `1.2 s`. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms >= 10 ? Math.round(ms) : ms.toFixed(ms >= 1 ? 1 : 2)} ms`
}

export function startTimes(): void {
  const refresh = () => {
    for (const element of document.querySelectorAll<HTMLTimeElement>('time[data-ago]')) {
      const words = ago(new Date(element.dateTime))
      if (element.textContent !== words) element.textContent = words
    }
  }
  refresh()
  setInterval(refresh, 15_000)
}
