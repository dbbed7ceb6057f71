/**
 * The Deploy dialog: what will change, a message, checks that begin with the dialog, and then the address. It opens only when every edit
 * is acknowledged; a failure stays in the dialog, beside what failed. Only its last button is green, because only that publishes.
 */

import { ApiError, said, type Api } from './api'
import { skeleton, whatChanges, type Changes } from './changes'
import { liveNote } from './data/migrations'
import { DeployChecks, type Check } from './deploy-checks'
import { busy, isBusy, openDialog } from './dialog'
import { copyFrom, h, icon, need } from './dom'
import type { OpenRequest } from './preview-rules'
import { duration } from './time'

interface Deployed {
  version: number
  url: string
  ms?: number
}

export interface DeployContext {
  worker: string
  liveUrl: string
  open(request: OpenRequest): void
  done(deployed: Deployed): void
  migrations(binding: string): void
}

export class DeployDialog {
  private readonly dialog = need<HTMLDialogElement>('#deploy-dialog')
  private shown: Changes | null = null
  private visit = 0

  constructor(
    private readonly api: Api,
    private readonly context: DeployContext,
  ) {
    this.dialog.addEventListener('close', () => {
      this.visit += 1
      this.dialog.replaceChildren()
    })
    this.dialog.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault()
        event.stopPropagation()
        this.dialog.querySelector<HTMLButtonElement>('[data-go]')?.click()
      }
    })
  }

  get isOpen(): boolean {
    return this.dialog.open
  }

  /** Opens with a skeleton of the size of what comes, then shows the differences. */
  async open(): Promise<void> {
    if (this.dialog.open) return
    const visit = this.visit
    this.draw('Deploy', null, [h('div', { class: 'blockhead blockhead--first' }, h('h3', {}, 'What changes')), skeleton()], [this.cancel()])
    openDialog(this.dialog)
    try {
      const changes = await this.api.call<Changes>('GET', `/workers/${this.context.worker}/changes`)
      if (visit === this.visit) this.confirm(changes)
    } catch (error) {
      if (visit !== this.visit) return
      this.draw('Deploy', null, [this.fault(said(error))], [this.cancel(), h('button', { class: 'btn', type: 'button', onclick: () => this.again() }, 'Try again')])
    }
  }

  private again(): void {
    this.dialog.close()
    void this.open()
  }

  private confirm(changes: Changes): void {
    this.shown = changes
    const next = changes.next ?? (changes.live ?? 0) + 1
    const message = h('input', { class: 'input', id: 'deploy-message', maxlength: '200', autocomplete: 'off' })
    const same = changes.live ? `Nothing: the draft is the same as live v${changes.live}. Deploying makes v${next} with the same content.` : 'The draft has no modules.'
    const body = [...whatChanges(changes, 'What changes', same)]
    body.push(h('div', { class: 'blockhead' }, h('h3', {}, h('label', { for: 'deploy-message' }, 'Message')), h('span', { class: 'muted small' }, 'optional, shown in the history')), message)
    const checks = new DeployChecks(this.api, this.context.worker, (request) => this.fix(request))
    body.push(h('div', { class: 'blockhead' }, h('h3', {}, 'Checks'), h('span', { class: 'muted small' }, changes.live ? `v${changes.live} stays live until they have passed` : '')), checks.element)
    const faults = h('div', { 'aria-live': 'assertive' })
    body.push(faults)
    const go = h('button', { class: 'btn btn--live', type: 'button', 'data-go': true }, icon('deploy'), h('span', {}, `Deploy v${next}`), h('kbd', { class: 'kbd' }, 'Ctrl ↵'))
    go.addEventListener('click', () => void this.go(go, checks, message.value, faults))
    message.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') go.click()
    })
    void checks.ended.then((failed) => failed && this.cannot(go, failed)).catch(() => undefined)
    this.draw(`Deploy ${this.context.worker}`, fromTo(changes.live, next), body, [
      h('span', { class: 'muted small grow cut' }, 'Goes live at ', h('span', { class: 'mono' }, new URL(this.context.liveUrl).host)), this.cancel(), go,
    ])
    message.focus()
  }

  private fix(place: OpenRequest): void {
    this.dialog.close()
    this.context.open(place)
  }

  /** The one button that publishes becomes the next step: the line to fix, or nothing to press where no line is known. */
  private cannot(button: HTMLButtonElement, failed: Check): void {
    const place = { path: failed.path, line: failed.line || 1 }
    const label = failed.path ? `Fix ${place.path}:${place.line}` : 'Fix it first'
    const next = h('button', { class: 'btn btn--primary', type: 'button', onclick: () => (failed.path ? this.fix(place) : this.dialog.close()) }, label)
    const focused = document.activeElement === button
    button.replaceWith(next)
    if (focused) next.focus()
  }

  private async go(button: HTMLButtonElement, checks: DeployChecks, message: string, faults: HTMLElement): Promise<void> {
    if (!this.shown || isBusy(button)) return
    const started = performance.now()
    busy(button, true)
    this.dialog.dataset.busy = 'yes'
    faults.replaceChildren()
    need('span', button).textContent = 'Deploying…'
    try {
      // Where they could not be made, the server has the last word: it tries again what must start.
      if (await checks.ended.catch(() => null)) return
      const deployed = await this.api.call<Deployed>('POST', `/workers/${this.context.worker}/deployments`, { message: message.trim(), revision: this.shown.revision })
      this.context.done(deployed)
      this.success(deployed, performance.now() - started)
    } catch (error) {
      need('span', button).textContent = 'Deploy again'
      faults.replaceChildren(this.fault(said(error)))
      if (error instanceof ApiError && (error.code === 'moved' || error.code === 'stale')) {
        faults.append(h('button', { class: 'btn btn--s', type: 'button', onclick: () => this.again() }, 'Look again'))
      }
      busy(button, false)
    } finally {
      delete this.dialog.dataset.busy
    }
  }

  private success(deployed: Deployed, ms: number): void {
    const copy = h('button', { class: 'btn btn--s btn--ghost', type: 'button' }, icon('copy'), h('span', {}, 'Copy'))
    copy.addEventListener('click', () => void copyFrom(copy, deployed.url))
    const back = h('button', { class: 'btn btn--primary', type: 'button', 'data-close': true }, 'Back to editing')
    const changed = this.shown?.changes.length ?? 0
    this.draw('Deployed', null, [
      h('div', { class: 'done' }, h('span', { class: 'done__mark' }, icon('check')), h('h2', {}, `${this.context.worker} v${deployed.version} is live`), h('p', { class: 'muted' }, 'Later edits change the preview only, until the next deploy.')),
      h('div', { class: 'copyrow' }, h('a', { class: 'cut mono', href: deployed.url, target: '_blank', rel: 'noopener' }, deployed.url), copy, h('a', { class: 'btn btn--s', href: deployed.url, target: '_blank', rel: 'noopener' }, icon('external'), 'Open')),
      h('dl', { class: 'facts' }, fact('From click to live', duration(ms)), fact('Modules changed', String(changed)), fact('Version', `v${deployed.version}`)),
    ], [h('span', { class: 'grow' }), h('a', { class: 'btn', href: `/workers/${this.context.worker}/deployments` }, 'View deployments'), back])
    back.focus()
    void this.remind(this.visit)
  }

  /** Deploying applies no migrations; what live data lacks now is said where the deployment is. */
  private async remind(visit: number): Promise<void> {
    const note = await liveNote(this.api, this.context.worker, (binding) => {
      this.dialog.close()
      this.context.migrations(binding)
    })
    if (note && visit === this.visit) need('.deploybody .facts', this.dialog).before(note)
  }

  private draw(title: string, versions: HTMLElement | null, body: HTMLElement[], foot: HTMLElement[]): void {
    this.dialog.replaceChildren(
      h('div', { class: 'dialog__head' }, h('h2', { id: 'deploy-title' }, title), versions, h('button', { class: 'iconbtn end', type: 'button', 'data-close': true, 'aria-label': 'Close' }, icon('close'))),
      h('div', { class: 'dialog__body deploybody' }, ...body),
      h('div', { class: 'dialog__foot' }, foot[0]?.classList.contains('grow') ? null : h('span', { class: 'grow' }), ...foot),
    )
  }

  private fault(text: string): HTMLElement {
    return h('div', { class: 'banner banner--fail deployfault' }, icon('fault'), h('span', { class: 'grow' }, text))
  }

  private cancel(): HTMLElement {
    return h('button', { class: 'btn', type: 'button', 'data-close': true }, 'Cancel')
  }
}

function fromTo(live: number | null, next: number): HTMLElement {
  const before = live ? h('span', { class: 'badge badge--live' }, h('i', { class: 'dot dot--live' }), `v${live}`) : h('span', { class: 'badge badge--line' }, 'Not live')
  return h('span', { class: 'fromto' }, before, icon('chevron-right', 'muted'), h('span', { class: 'badge badge--draft' }, h('i', { class: 'dot dot--draft' }), `v${next}`))
}

function fact(name: string, value: string): HTMLElement {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value))
}
