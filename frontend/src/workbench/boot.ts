/**
 * The first chunk of the editor's iframe, kept tiny: it opens the handshake with the host page and begins to sync while the
 * workbench's chunk loads. It accepts one port, once, from a listed parent only (`/parents.json`, from the server).
 */
import { SyncClient } from '../sync/client'
import { systemClock } from '../sync/parts'
import { PortOutbox } from '../sync/port-outbox'
import { Link } from './link'
import { Relay } from './relay'

/** Milliseconds to wait for the port, and between two times of asking: the page around may not be listening yet. */
const TIMEOUT = 10_000
const ASK_EVERY = 60
/** Milliseconds without the workspace before it is said what is missing. */
const PATIENCE = 3000

/** The server's frames that are the sync client's. */
const SYNC_FRAMES = ['welcome', 'committed', 'stale', 'refused', 'pong', 'presence', 'presence.left', 'role'] as const

interface PortMessage {
  t: 'port'
  theme: 'light' | 'dark'
  open: { path: string; line: number } | null
}

const parameters = new URLSearchParams(location.search)

function setTheme(theme: string | null): void {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
}

/** Shows a message where the workbench will be; '' takes it away. */
function say(message: string): void {
  const element = document.getElementById('boot-message')!
  element.textContent = message
  element.hidden = !message
}

/** The origin of the page that frames us, if the server lists it. */
async function listedParent(): Promise<string> {
  const claimed = parameters.get('parent') ?? ''
  const response = await fetch('./parents.json')
  if (!response.ok) throw new Error('The editor could not read which pages may frame it. Reload to try again.')
  const listed = (await response.json()) as string[]
  if (!listed.includes(claimed)) throw new Error('This page may not frame the editor. Open the worker from the dashboard.')
  return claimed
}

/** Waits for the one message with the port, from the parent window and its origin exactly. */
function portFrom(origin: string): Promise<{ message: PortMessage; port: MessagePort }> {
  return new Promise((resolve, reject) => {
    const ask = (): void => parent.postMessage({ t: 'ready' }, origin)
    const asking = setInterval(ask, ASK_EVERY)
    const timer = setTimeout(() => {
      clearInterval(asking)
      removeEventListener('message', receive)
      reject(new Error('The page around the editor did not answer. Reload it to try again.'))
    }, TIMEOUT)
    function receive(event: MessageEvent): void {
      if (event.source !== parent || event.origin !== origin || event.data?.t !== 'port' || !event.ports[0]) return
      clearTimeout(timer)
      clearInterval(asking)
      removeEventListener('message', receive)
      resolve({ message: event.data as PortMessage, port: event.ports[0] })
    }
    addEventListener('message', receive)
    ask()
  })
}

async function boot(): Promise<void> {
  setTheme(parameters.get('theme'))
  const loading = import('./workbench')
  // Without a handler here a failed handshake would leave this rejection unhandled.
  loading.catch(() => undefined)
  const { message, port } = await portFrom(await listedParent())
  // Marks, here and below, for the benchmark of the start; they change nothing.
  performance.mark('quickedit:port')
  setTheme(message.theme)
  const link = new Link(port)
  const relay = new Relay(link)
  const outbox = new PortOutbox(systemClock, (frame) => link.send(frame))
  const client = new SyncClient({ send: (frame) => link.send(frame), fetch: (path, put) => link.fetch(path, put), listener: relay, outbox })
  link.on('stored', ({ n, ok }) => outbox.stored(n, ok))
  for (const kind of SYNC_FRAMES) link.on(kind, (frame) => client.receive(frame))
  link.on('connection', (frame) => client.connection(frame.open))
  const { start } = await loading
  performance.mark('quickedit:loaded')
  const waiting = setTimeout(() => say('Waiting for the connection to the server. The editor opens as soon as it is there.'), PATIENCE)
  await client.ready
  clearTimeout(waiting)
  say('')
  await start({ link, client, relay, theme: message.theme, open: message.open })
}

boot().catch((error: unknown) => {
  console.error(error)
  say(error instanceof TypeError ? 'The editor could not be loaded. Reload to try again.' : (error as Error).message)
})
