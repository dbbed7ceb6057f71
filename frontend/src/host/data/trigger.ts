/**
 * The Trigger dialog: runs the draft's scheduled handler at a time, or hands its queue handler a batch, and says how it went.
 */

import type { Api } from '../api'
import { busy, isBusy, openDialog } from '../dialog'
import { h, icon, need } from '../dom'
import { duration } from '../time'
import { failed, type DataIndex } from './source'

interface Outcome {
  ms: number
  error: string
  outcomes: string[]
}

const NOTHING = 'Add "triggers": {"crons": ["0 * * * *"]} or a consumer under "queues" to quickedit.json.'

export class TriggerDialog {
  private readonly dialog = need<HTMLDialogElement>('#trigger-dialog')

  constructor(
    private readonly api: Api,
    private readonly worker: string,
    private readonly toConsole: () => void,
  ) {}

  open(index: DataIndex): void {
    const what = h('select', { class: 'select', id: 'trigger-what' },
      ...index.crons.map((cron) => h('option', { value: `cron:${cron}` }, `scheduled, ${cron}`)),
      ...index.consumers.map((queue) => h('option', { value: `queue:${queue}` }, `queue, ${queue}`)),
      index.crons.length ? null : h('option', { value: 'cron:' }, 'scheduled'))
    const at = h('input', { class: 'input', id: 'trigger-at', type: 'datetime-local', step: '1' })
    const messages = h('textarea', { class: 'textarea mono', id: 'trigger-messages', rows: '5', spellcheck: 'false' })
    messages.value = '{"hello": "world"}'
    const time = h('div', { class: 'field' }, h('label', { for: 'trigger-at' }, 'Time, UTC'), at, h('p', { class: 'hint' }, 'Left empty, it is now.'))
    const batch = h('div', { class: 'field' }, h('label', { for: 'trigger-messages' }, 'Messages, one line of JSON each'), messages)
    const said = h('div', { 'aria-live': 'polite' })
    const run = h('button', { class: 'btn btn--primary', type: 'submit' }, icon('follow'), 'Run')
    const choose = () => {
      const queue = what.value.startsWith('queue:')
      time.hidden = queue
      batch.hidden = !queue
    }
    what.addEventListener('change', choose)
    choose()
    const hint = index.crons.length + index.consumers.length ? null : h('p', { class: 'hint' }, NOTHING)
    const form = h('form', { method: 'dialog', novalidate: true },
      h('div', { class: 'dialog__head' }, h('h2', { id: 'trigger-title' }, 'Trigger'), h('button', { class: 'iconbtn end', type: 'button', 'data-close': true, 'aria-label': 'Close' }, icon('close'))),
      h('div', { class: 'dialog__body stack' }, h('div', { class: 'field' }, h('label', { for: 'trigger-what' }, 'Handler of the draft'), what, hint), time, batch, said),
      h('div', { class: 'dialog__foot' }, h('span', { class: 'grow' }), h('button', { class: 'btn', type: 'button', 'data-close': true }, 'Close'), run))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (isBusy(run)) return
      busy(run, true)
      void this.run(what.value, at.value, messages.value, said).finally(() => busy(run, false))
    })
    this.dialog.replaceChildren(form)
    openDialog(this.dialog, what)
  }

  private async run(what: string, at: string, messages: string, said: HTMLElement): Promise<void> {
    const [kind, name] = [what.slice(0, what.indexOf(':')), what.slice(what.indexOf(':') + 1)]
    const lines = messages.split('\n').filter((line) => line.trim())
    const body = kind === 'queue'
      ? { event: 'queue', queue: name, messages: lines }
      : { event: 'scheduled', cron: name, time: at ? Date.parse(`${at}Z`) : 0 }
    try {
      const outcome = await this.api.call<Outcome>('POST', `/workers/${this.worker}/trigger`, body)
      said.replaceChildren(this.told(outcome))
    } catch (error) {
      said.replaceChildren(failed('Not run', error))
    }
  }

  private told(outcome: Outcome): HTMLElement {
    const log = h('button', { class: 'linklike', type: 'button' }, 'Its log')
    log.addEventListener('click', () => {
      this.dialog.close()
      this.toConsole()
    })
    const again = outcome.outcomes.filter((one) => one === 'retry').length
    const messages = outcome.outcomes.length ? ` ${outcome.outcomes.length - again} acknowledged, ${again} to be retried.` : ''
    const text = outcome.error ? h('span', { class: 'grow' }, h('b', {}, 'It failed: '), `${outcome.error.replace(/\.$/, '')}.${messages} `, log) : h('span', { class: 'grow' }, `It returned after ${duration(outcome.ms)}.${messages} `, log)
    return h('div', { class: outcome.error ? 'banner banner--fail' : 'banner banner--here', role: 'status' }, icon(outcome.error ? 'fault' : 'passed'), text)
  }
}
