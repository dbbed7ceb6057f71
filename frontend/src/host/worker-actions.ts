/**
 * Rename, duplicate, delete with undo: the same three from the list of workers, from a worker's menu and from its settings.
 */

import { ApiError, said, type Api } from './api'
import { busy, isBusy, openDialog } from './dialog'
import { find, icon, need } from './dom'
import { freeName, nameProblem, type NameRules } from './names'
import { toast } from './toast'

const DELETED = 'quickedit:deleted'
const UNDO_MS = 12_000
const CHECK_MS = 250

/** Checks a name while it is typed, after the first change or submit; gives a function that checks at once. */
export function watchName(input: HTMLInputElement, fault: HTMLElement, rules: NameRules, api: Api): () => boolean {
  let timer: ReturnType<typeof setTimeout> | undefined
  const show = (problem: string) => {
    input.setAttribute('aria-invalid', String(Boolean(problem)))
    fault.replaceChildren(...(problem ? [icon('fault'), problem] : []))
    return !problem
  }
  input.addEventListener('input', () => {
    clearTimeout(timer)
    const name = input.value
    if (!show(name ? nameProblem(name, rules) : '') || !name) return
    timer = setTimeout(() => {
      api.call<{ ok: boolean; message?: string }>('GET', `/names/${encodeURIComponent(name)}`).then(
        (answer) => input.value === name && !rules.taken.includes(name) && !answer.ok && show(answer.message ?? `${name} is taken.`),
        () => undefined, // the check is a courtesy; creating it checks again
      )
    }, CHECK_MS)
  })
  return () => {
    clearTimeout(timer)
    return show(nameProblem(input.value.trim(), rules))
  }
}

export class WorkerActions {
  constructor(
    private readonly api: Api,
    private readonly rules: NameRules,
    private readonly suffix: string,
  ) {}

  rename(name: string, live: boolean): void {
    const hint = live ? `The live address moves too: ${name}${this.suffix} stops answering.` : 'The name becomes its address when you deploy.'
    this.ask(`Rename ${name}`, name, hint, 'Rename', async (to) => {
      if (to !== name) await this.api.call('PATCH', `/workers/${name}`, { name: to })
      return to
    }, [name])
  }

  duplicate(name: string): void {
    this.ask(`Duplicate ${name}`, freeName(name, this.rules.taken), 'A copy of the draft, with its variables. It is not live until you deploy it.', 'Duplicate and open', async (to) => {
      const made = await this.api.call<{ name: string }>('POST', `/workers/${name}/duplicate`, { name: to })
      return made.name
    })
  }

  /** Deletes at once and offers to undo it on the list of workers. */
  async remove(name: string): Promise<void> {
    try {
      const gone = await this.api.call<{ id: number | string; name: string }>('DELETE', `/workers/${name}`)
      keep({ id: gone.id, name })
      location.assign('/')
    } catch (error) {
      toast({ level: 'error', message: `${name} was not deleted.`, hint: said(error) })
    }
  }

  /** On the list: the note about what was deleted just now, with Undo. */
  offerUndo(): void {
    const gone = take()
    if (!gone) return
    toast({
      message: `${gone.name} is deleted.`,
      stay: UNDO_MS,
      action: { label: 'Undo', run: () => void this.restore(gone) },
    })
  }

  private async restore(gone: Gone): Promise<void> {
    try {
      await this.api.call('POST', '/workers/restore', { id: gone.id })
      location.reload()
    } catch (error) {
      toast({ level: 'error', message: `${gone.name} was not restored.`, hint: said(error), action: { label: 'Try again', run: () => void this.restore(gone) } })
    }
  }

  private ask(title: string, value: string, hint: string, label: string, run: (name: string) => Promise<string>, allowed: string[] = []): void {
    const old = need<HTMLDialogElement>('#name-dialog')
    const dialog = old.cloneNode(true) as HTMLDialogElement // a fresh one has no listeners of the last question
    delete dialog.dataset.wired
    old.replaceWith(dialog)
    const input = need<HTMLInputElement>('#name-dialog-input', dialog)
    const fault = need('#name-dialog-fault', dialog)
    const button = need<HTMLButtonElement>('button[type="submit"]', dialog)
    need('#name-dialog-title', dialog).textContent = title
    need('#name-dialog-hint', dialog).textContent = hint
    button.textContent = label
    input.value = value
    input.removeAttribute('aria-invalid')
    fault.replaceChildren()
    const check = watchName(input, fault, { reserved: this.rules.reserved, taken: this.rules.taken.filter((name) => !allowed.includes(name)) }, this.api)
    need<HTMLFormElement>('form', dialog).addEventListener('submit', (event) => {
      event.preventDefault()
      if (!check() || isBusy(button)) return input.focus()
      void submit(dialog, button, fault, () => run(input.value.trim()))
    })
    openDialog(dialog, input)
  }
}

async function submit(dialog: HTMLDialogElement, button: HTMLButtonElement, fault: HTMLElement, run: () => Promise<string>): Promise<void> {
  busy(button, true)
  dialog.dataset.busy = 'yes'
  try {
    const name = await run()
    const inWorker = document.body.dataset.page !== 'workers'
    const renamed = button.textContent === 'Rename'
    if (inWorker) location.assign(location.pathname.replace(/^\/workers\/[^/]+/, `/workers/${name}`).replace(/\/[^/]*$/, renamed ? '$&' : '/edit'))
    else if (renamed) location.reload()
    else location.assign(`/workers/${name}/edit`)
  } catch (error) {
    delete dialog.dataset.busy
    busy(button, false)
    fault.replaceChildren(icon('fault'), error instanceof ApiError ? error.said : String(error))
    find<HTMLInputElement>('input', dialog)?.focus()
  }
}

interface Gone {
  id: number | string
  name: string
}

function keep(gone: Gone): void {
  try {
    sessionStorage.setItem(DELETED, JSON.stringify(gone))
  } catch {
    // without storage there is no undo; the deletion itself was asked for
  }
}

function take(): Gone | null {
  try {
    const kept = sessionStorage.getItem(DELETED)
    sessionStorage.removeItem(DELETED)
    return kept ? (JSON.parse(kept) as Gone) : null
  } catch {
    return null
  }
}
