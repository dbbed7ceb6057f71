/**
 * The history of a worker: copy the address, and roll back to a version with a reason.
 */

import { said, type Api } from './api'
import { skeleton, whatChanges, type Changes } from './changes'
import { busy, isBusy, openDialog } from './dialog'
import { all, copyFrom, find, icon, need } from './dom'

export function startDeployments(api: Api, worker: string, live: number, next: number): void {
  for (const button of all('[data-copy]')) button.addEventListener('click', () => void copyFrom(button, button.dataset.copy ?? ''))
  const dialog = find<HTMLDialogElement>('#rollback-dialog')
  if (!dialog) return
  const reason = need<HTMLTextAreaElement>('textarea', dialog)
  const fault = need('.fault', dialog)
  const go = need<HTMLButtonElement>('button[type="submit"]', dialog)
  const list = need('[data-changes]', dialog)
  let version = 0
  const showChanges = async (to: number): Promise<void> => {
    list.replaceChildren(skeleton())
    try {
      const found = await api.call<Changes>('GET', `/workers/${worker}/changes?version=${to}`)
      if (to === version) list.replaceChildren(...whatChanges({ changes: found.changes }, 'What changes for visitors', `Nothing: v${to} has the modules that are live.`))
    } catch (error) {
      if (to === version) list.replaceChildren(icon('warning'), ` What changes is not known: ${said(error)}`)
    }
  }
  for (const button of all('[data-rollback]')) {
    button.addEventListener('click', () => {
      version = Number(button.dataset.rollback)
      need('#rollback-title', dialog).textContent = `Roll back to v${version}`
      need('[data-from]', dialog).textContent = `v${live}`
      need('[data-to]', dialog).textContent = `v${next} = v${version}`
      need('[data-says]', dialog).textContent = `Visitors get the modules of v${version} within a second. The draft stays as it is, and v${live} stays in the history.`
      need('[data-go]', dialog).textContent = `Roll back to v${version}`
      fault.replaceChildren()
      reason.removeAttribute('aria-invalid')
      openDialog(dialog, reason)
      void showChanges(version)
    })
  }
  need<HTMLFormElement>('form', dialog).addEventListener('submit', (event) => {
    event.preventDefault()
    if (isBusy(go)) return
    if (!reason.value.trim()) {
      reason.setAttribute('aria-invalid', 'true')
      fault.replaceChildren(icon('fault'), 'Say why, in a few words.')
      return reason.focus()
    }
    busy(go, true)
    dialog.dataset.busy = 'yes'
    api
      .call('POST', `/workers/${worker}/rollback`, { version, reason: reason.value.trim() })
      .then(() => location.reload())
      .catch((error: unknown) => {
        delete dialog.dataset.busy
        busy(go, false)
        fault.replaceChildren(icon('fault'), said(error))
      })
  })
}
