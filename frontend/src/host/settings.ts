/**
 * A worker's settings: its name, its plain variables, and the button that deletes it (two clicks on the same place, 4 s apart at most).
 */

import { said, type Api } from './api'
import { ARMED_MS, confirmTwice } from './confirm'
import { busy, isBusy } from './dialog'
import { all, find, h, icon, need } from './dom'
import type { NameRules } from './names'
import { startMembers } from './settings-members'
import { toast } from './toast'
import { watchName, type WorkerActions } from './worker-actions'

export function startSettings(api: Api, actions: WorkerActions, worker: string, variables: Record<string, string>, rules: NameRules): void {
  startRename(api, worker, rules)
  startVariables(api, worker, variables)
  startMembers(api, worker)
  const remove = need<HTMLButtonElement>('#delete-worker')
  confirmTwice(remove, 'Click again to delete', () => void actions.remove(worker))
  const links = all<HTMLAnchorElement>('.sidenav a')
  for (const link of links) {
    link.addEventListener('click', () => {
      for (const each of links) each.removeAttribute('aria-current')
      link.setAttribute('aria-current', 'true')
    })
  }
}

function startRename(api: Api, worker: string, rules: NameRules): void {
  const form = need<HTMLFormElement>('[data-rename-here]')
  const input = need<HTMLInputElement>('input', form)
  const fault = need('.fault', form)
  const button = need<HTMLButtonElement>('button', form)
  const check = watchName(input, fault, { ...rules, taken: rules.taken.filter((name) => name !== worker) }, api)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (isBusy(button)) return
    if (!check() || input.value === worker) return input.focus()
    busy(button, true)
    api
      .call<{ name: string }>('PATCH', `/workers/${worker}`, { name: input.value.trim() })
      .then(({ name }) => location.assign(`/workers/${name}/settings`))
      .catch((error: unknown) => {
        busy(button, false)
        fault.replaceChildren(icon('fault'), said(error))
      })
  })
}

function startVariables(api: Api, worker: string, variables: Record<string, string>): void {
  const form = need<HTMLFormElement>('#add-variable')
  const name = need<HTMLInputElement>('#vn')
  const value = need<HTMLInputElement>('#vv')
  const fault = need('#variable-fault')
  const save = async (next: Record<string, string>): Promise<void> => {
    fault.replaceChildren()
    try {
      await api.call('PUT', `/workers/${worker}/variables`, { variables: next })
      location.reload()
    } catch (error) {
      fault.replaceChildren(icon('fault'), said(error))
    }
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const problem = variableProblem(name.value.trim(), variables)
    name.setAttribute('aria-invalid', String(Boolean(problem)))
    fault.replaceChildren(...(problem ? [icon('fault'), problem] : []))
    if (problem) return name.focus()
    void save({ ...variables, [name.value.trim()]: value.value })
  })
  for (const row of all<HTMLTableRowElement>('tr[data-variable]')) {
    const key = row.dataset.variable ?? ''
    find('[data-edit]', row)?.addEventListener('click', () => editRow(row, variables[key] ?? '', (text) => void save({ ...variables, [key]: text })))
    const remove = find('[data-remove]', row)
    if (!remove) continue
    confirmTwice(remove, 'Click again to delete', () => {
      const { [key]: _gone, ...rest } = variables
      void save(rest)
    })
    remove.addEventListener('click', () => remove.hasAttribute('data-armed') && toast({ message: `Click again to delete ${key}.`, level: 'warning', stay: ARMED_MS }))
  }
}

/** The sentence under the form, or '' where the name can be used. Names are Python identifiers in capitals by custom, not by rule. */
export function variableProblem(name: string, taken: Record<string, string>): string {
  if (!name) return 'A variable needs a name.'
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'Letters, digits and underscores only, and no digit first: it is read as self.env.NAME.'
  if (name.length > 64) return 'At most 64 characters.'
  if (Object.hasOwn(taken, name)) return `${name} exists already. Use Edit in its row.`
  return ''
}

function editRow(row: HTMLTableRowElement, before: string, save: (text: string) => void): void {
  const cell = need('td:nth-child(2)', row)
  const actions = need('td:last-child', row)
  const [oldCell, oldActions] = [[...cell.childNodes], [...actions.childNodes]]
  const input = h('input', { class: 'input mono', value: before, 'aria-label': `Value of ${row.dataset.variable ?? ''}`, spellcheck: 'false', autocomplete: 'off' })
  const back = () => {
    cell.replaceChildren(...oldCell)
    actions.replaceChildren(...oldActions)
    find('[data-edit]', row)?.focus()
  }
  const done = () => (input.value === before ? back() : save(input.value))
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') done()
    if (event.key === 'Escape') back()
  })
  cell.replaceChildren(input)
  actions.replaceChildren(h('button', { class: 'btn btn--s', type: 'button', onclick: back }, 'Cancel'), ' ', h('button', { class: 'btn btn--s btn--primary', type: 'button', onclick: done }, 'Save'))
  input.focus()
  input.select()
}
