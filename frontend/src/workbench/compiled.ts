/**
 * Has Chromium keep the editor's scripts compiled while nobody waits for it. By itself it does so in the midst of the second opening,
 * when the scripts have run and the workbench is about to be made: 150 ms of the main thread, and what it has kept helps the third.
 *
 * It keeps what is used for the second time within three days (`V8CodeCache`), once a module that asks for it was evaluated, with whatever
 * result. So a hidden frame asks for one script after the other behind a module that throws: nothing of them runs, and the browser has
 * them at hand, so that nothing is fetched.
 */
import { runWhenGlobalIdle } from '@codingame/monaco-vscode-api/vscode/vs/base/common/async'

/** Milliseconds after each script: it takes up to 35 of the main thread, between which a person's keys are to be heard. */
const PAUSE = 30
/** Milliseconds to wait for an idle moment at most before the first. */
const PATIENCE = 5000

/** True once they are kept. False where they were when this page was asked for, and in other browsers, which have ways of their own. */
export async function keepCompiled(): Promise<boolean> {
  if (navigator.vendor !== 'Google Inc.' || location.pathname.endsWith('/again.html')) return false
  await new Promise<void>((begin) => void runWhenGlobalIdle(() => begin(), PATIENCE))
  const frame = document.createElement('iframe')
  frame.hidden = true
  document.body.append(frame)
  frame.contentWindow!.addEventListener('error', (event) => event.preventDefault())
  const stop = module('throw undefined')
  // Those that others need come first: each is a short task then, and not all of them one long.
  const order = (link: HTMLLinkElement): number => Number(link.dataset.order ?? Infinity)
  const links = [...document.querySelectorAll<HTMLLinkElement>('link[rel="modulepreload"]')].sort((one, other) => order(one) - order(other) || 0)
  for (const href of new Set(links.map((link) => link.href))) {
    const source = module(`import ${JSON.stringify(stop)}\nimport ${JSON.stringify(href)}`)
    await evaluated(source, frame.contentDocument!)
    URL.revokeObjectURL(source)
    await new Promise((next) => setTimeout(next, PAUSE))
  }
  URL.revokeObjectURL(stop)
  frame.remove()
  return true
}

const module = (source: string): string => URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))

function evaluated(source: string, { head }: Document): Promise<unknown> {
  return new Promise((done) => {
    const script = head.ownerDocument.createElement('script')
    head.append(Object.assign(script, { type: 'module', src: source, onload: done, onerror: done }))
  })
}
