/**
 * The list of workers: search as you type, a menu for each row, and the form that makes a new one (a dialog, or the first run's page).
 */

import { said, type Api } from './api'
import { busy, isBusy, openDialog } from './dialog'
import { all, find, icon, isTyping, need } from './dom'
import { openMenu } from './menus'
import { freeName, type NameRules } from './names'
import { Roving } from './roving'
import { watchName, type WorkerActions } from './worker-actions'

export function startDashboard(api: Api, actions: WorkerActions, rules: NameRules): void {
  const form = need<HTMLFormElement>('[data-new-worker]')
  startNewWorker(form, api, rules)
  if (find('#search')) startSearch()
  startRows(actions)
  const dialog = find<HTMLDialogElement>('#new-dialog')
  const button = find<HTMLButtonElement>('#new-worker')
  const input = need<HTMLInputElement>('input[name="name"]', form)
  const open = () => {
    if (!dialog) return input.focus()
    if (!input.value) input.value = freeName('hello', rules.taken)
    openDialog(dialog, input)
  }
  button?.addEventListener('click', open)
  document.addEventListener('keydown', (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
    if (event.key === 'n' || event.key === 'N') {
      event.preventDefault()
      open()
    }
    if (event.key === '/' && find('#search')) {
      event.preventDefault()
      need<HTMLInputElement>('#search').focus()
    }
  })
  actions.offerUndo()
}

function startNewWorker(form: HTMLFormElement, api: Api, rules: NameRules): void {
  const input = need<HTMLInputElement>('input[name="name"]', form)
  const fault = need('.fault', form)
  const button = need<HTMLButtonElement>('button[type="submit"]', form)
  const templates = new Roving(need('[role="radiogroup"]', form), () => undefined)
  const check = watchName(input, fault, rules, api)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (isBusy(button)) return
    if (!check()) return input.focus()
    busy(button, true)
    api
      .call<{ name: string }>('POST', '/workers', { name: input.value.trim(), template: templates.chosen?.dataset.template ?? 'hello' })
      .then((made) => location.assign(`/workers/${made.name}/edit`))
      .catch((error: unknown) => {
        busy(button, false)
        fault.replaceChildren(icon('fault'), said(error))
        input.setAttribute('aria-invalid', 'true')
        input.focus()
      })
  })
}

function startSearch(): void {
  const input = need<HTMLInputElement>('#search')
  const note = need('#no-match')
  const told = need('#search-said')
  const rows = all<HTMLTableRowElement>('tr[data-worker]')
  const run = () => {
    const query = input.value.trim().toLowerCase()
    for (const row of rows) row.hidden = !(row.dataset.worker ?? '').includes(query)
    const shown = rows.filter((row) => !row.hidden)
    note.hidden = shown.length > 0
    need('span', note).textContent = `No worker has “${input.value.trim()}” in its name.`
    told.textContent = query ? `${shown.length} of ${rows.length} workers` : ''
  }
  input.addEventListener('input', run)
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') rows.find((row) => !row.hidden)?.querySelector<HTMLAnchorElement>('.rowlink')?.click()
    if (event.key === 'Escape') {
      input.value = ''
      run()
    }
  })
  need('#clear-search').addEventListener('click', () => {
    input.value = ''
    run()
    input.focus()
  })
  if (input.value) run() // the browser brought a search back with the page
}

function startRows(actions: WorkerActions): void {
  const menu = find('#row-menu')
  if (!menu) return
  let current: HTMLTableRowElement | null = null
  for (const button of all('[data-more]')) {
    button.addEventListener('click', () => {
      current = button.closest('tr')
      const name = current?.dataset.worker ?? ''
      menu.setAttribute('aria-label', name)
      need<HTMLAnchorElement>('[data-do="open"]', menu).href = `/workers/${name}/edit`
      const live = need<HTMLAnchorElement>('[data-do="live"]', menu)
      const url = current?.querySelector<HTMLAnchorElement>('a.url')
      live.hidden = !url
      if (url) live.href = url.href
      openMenu(menu, button)
    })
  }
  for (const item of all('[data-do]', menu)) {
    item.addEventListener('click', () => {
      const name = current?.dataset.worker ?? ''
      if (item.dataset.do === 'rename') actions.rename(name, Boolean(current?.dataset.live))
      if (item.dataset.do === 'duplicate') actions.duplicate(name)
      if (item.dataset.do === 'delete') void actions.remove(name)
    })
  }
}
