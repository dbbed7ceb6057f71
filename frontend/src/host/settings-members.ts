/**
 * The members of a worker in its settings: inviting by name or by a link that is shown once, roles, and removing with a second
 * click. A failure is said under the table; a role that was refused goes back to what it was.
 */

import { said, type Api } from './api'
import { busy, isBusy } from './dialog'
import { all, copyFrom, find, icon, need } from './dom'
import { confirmTwice } from './confirm'

interface Invited {
  url: string
  until: string
}

export function startMembers(api: Api, worker: string): void {
  const fault = need('#member-fault')
  const refused = (error: unknown): void => fault.replaceChildren(icon('fault'), said(error))
  const form = find<HTMLFormElement>('#add-member')
  if (form) startInviting(api, worker, form, refused)
  for (const row of all<HTMLTableRowElement>('tr[data-member]')) {
    const id = row.dataset.member ?? ''
    const role = find<HTMLSelectElement>('select', row)
    if (role) startRole(role, async (value) => void (await api.call('PATCH', `/workers/${worker}/members/${id}`, { role: value })), refused)
    const leaving = role === null
    startRemoving(row, leaving ? 'Click again to leave' : 'Click again', () => api.call('DELETE', `/workers/${worker}/members/${id}`), refused, leaving ? () => location.assign('/') : null)
  }
  for (const row of all<HTMLTableRowElement>('tr[data-invite]')) {
    startRemoving(row, 'Click again', () => api.call('DELETE', `/workers/${worker}/invites/${row.dataset.invite ?? ''}`), refused, null)
  }
}

function startInviting(api: Api, worker: string, form: HTMLFormElement, refused: (error: unknown) => void): void {
  const [name, role, button] = [need<HTMLInputElement>('#mn', form), need<HTMLSelectElement>('#mr', form), need<HTMLButtonElement>('[type="submit"]', form)]
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (isBusy(button)) return
    busy(button, true)
    need('#member-fault').replaceChildren()
    const asked = name.value.trim()
      ? api.call('POST', `/workers/${worker}/members`, { name: name.value.trim(), role: role.value }).then(() => location.reload())
      : api.call<Invited>('POST', `/workers/${worker}/invites`, { role: role.value }).then((made) => showLink(form, made))
    asked.catch(refused).finally(() => busy(button, false))
  })
}

function showLink(form: HTMLFormElement, { url, until }: Invited): void {
  const box = need('#invite-link', form)
  const field = need<HTMLInputElement>('input', box)
  const copy = need<HTMLButtonElement>('button', box)
  field.value = url
  need('[data-until]', box).textContent = new Date(until).toLocaleString(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
  copy.onclick = () => void copyFrom(copy, url)
  box.hidden = false
  field.focus()
  field.select()
}

function startRole(select: HTMLSelectElement, save: (value: string) => Promise<void>, refused: (error: unknown) => void): void {
  let before = select.value
  select.addEventListener('change', () => {
    need('#member-fault').replaceChildren()
    save(select.value)
      .then(() => (before = select.value))
      .catch((error: unknown) => {
        select.value = before
        refused(error)
      })
  })
}

function startRemoving(row: HTMLTableRowElement, again: string, remove: () => Promise<unknown>, refused: (error: unknown) => void, after: (() => void) | null): void {
  const button = find('[data-remove]', row)
  if (!button) return
  confirmTwice(button, again, () => {
    need('#member-fault').replaceChildren()
    remove()
      .then(() => {
        if (after) return after()
        const next = find('[data-remove]', row.nextElementSibling ?? row.parentElement!) ?? find('#mn')
        row.remove()
        next?.focus()
      })
      .catch(refused)
  })
}
