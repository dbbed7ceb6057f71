/**
 * Has the browser fetch the editor while somebody looks at the list of workers: two megabytes, of which the first opening then finds
 * most in the browser's cache. Its page (`ahead.html`, vite.config.ts) is framed as the editor's own will be, because a browser keeps
 * its cache by the page around; the sandbox lets it run nothing.
 */
import { h } from './dom'

/** Milliseconds after this page is there in full: what the person came for goes first. */
const AFTER = 500

/** Does nothing where the person has asked the browser to save data. */
export function fetchAhead(page: string): void {
  const { connection } = navigator as { connection?: { saveData?: boolean } }
  if (connection?.saveData) return
  const begin = (): void => document.body.append(h('iframe', { src: page, sandbox: 'allow-same-origin', hidden: true }))
  const soon = (): void => void setTimeout(begin, AFTER)
  if (document.readyState === 'complete') soon()
  else addEventListener('load', soon, { once: true })
}
