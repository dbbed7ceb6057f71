/**
 * A zip dropped on the workbench is unpacked into the worker: its files get their content, nothing is deleted, and it is one
 * revision that can be taken back. Any other drop is VS Code's own. `workbench` begins it.
 */
import type * as vscode from 'vscode'
import type { Link } from './link'

/** Bytes of an archive that are sent at all; the server has its own limits for what is inside. */
const MAX_ARCHIVE = 16 * 1024 * 1024

interface Answer {
  revision: number
  created: number
  changed: number
  same: number
}

export function takeArchives(container: HTMLElement, link: Link, worker: string, api: () => Promise<typeof vscode>): void {
  container.addEventListener('drop', (event) => {
    const dropped = [...(event.dataTransfer?.files ?? [])]
    if (dropped.length === 0 || !dropped.every((file) => /\.zip$/i.test(file.name))) return
    event.preventDefault()
    event.stopImmediatePropagation()
    // Whoever shows a drop target hears that it is over.
    container.dispatchEvent(new DragEvent('dragend', { bubbles: true }))
    const unpackAll = async (): Promise<void> => {
      const { window } = await api()
      for (const file of dropped) await unpack(file, link, worker, window)
    }
    unpackAll().catch((error: unknown) => {
      console.error(error)
      link.send({ t: 'notice', level: 'error', message: 'The archive is not unpacked: a part of the editor could not be loaded.', hint: 'Drop it again.' })
    })
  }, { capture: true })
}

async function unpack(file: File, link: Link, worker: string, window: typeof vscode.window): Promise<void> {
  if (file.size > MAX_ARCHIVE) return void window.showErrorMessage(`${file.name} is over 16 MiB.`)
  const { status, text } = await link.bytes(`/api/v1/workers/${worker}/archive`, { post: new Uint8Array(await file.arrayBuffer()) })
  if (status !== 200) return void window.showErrorMessage(reason(status, text))
  const { revision, created, changed, same } = JSON.parse(text) as Answer
  if (created + changed === 0) return void window.showInformationMessage(`${file.name}: all ${same} files are here already.`)
  const said = [created ? `${created} new` : '', changed ? `${changed} changed` : '', same ? `${same} as they were` : ''].filter(Boolean).join(', ')
  const undo = await window.showInformationMessage(`${file.name} is unpacked: ${said}.`, 'Undo')
  if (undo === 'Undo') await link.post(`/api/v1/workers/${worker}/restore`, JSON.stringify({ revision: revision - 1 }))
}

function reason(status: number, text: string): string {
  if (status === 0) return 'The server cannot be reached. Drop it again when the connection is back.'
  try {
    const { error } = JSON.parse(text) as { error: { message: string; hint?: string } }
    return [error.message, error.hint].filter(Boolean).join(' ')
  } catch {
    return `The server answered ${status}.`
  }
}
