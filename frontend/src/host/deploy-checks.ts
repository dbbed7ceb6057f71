/**
 * The checks of the Deploy dialog: asked for when it opens, drawn as rows whose places are there from the start. A failed one keeps the
 * draft from going live and names the line; a warning does not.
 */

import { said, type Api } from './api'
import { h, icon } from './dom'
import type { OpenRequest } from './preview-rules'
import { duration } from './time'

export interface Check {
  name: string
  state: 'passed' | 'failed' | 'warning' | 'skipped'
  ms: number
  detail: string
  path: string
  line: number
}

const ICONS = { passed: ['passed', 'is-live'], failed: ['fault', 'is-fail'], warning: ['warning', 'is-draft'], skipped: ['dots', ''] } as const
const EXPECTED = ['Every module parses', 'Starts in a fresh sandbox', 'Answers GET /']

export class DeployChecks {
  readonly element = h('div', { class: 'checks', role: 'group', 'aria-label': 'Checks', 'aria-live': 'polite' }, ...EXPECTED.map(waiting))
  /** Settles when they have ended: what failed, or null. Rejects with an ApiError where they could not be made. */
  readonly ended: Promise<Check | null>

  constructor(api: Api, worker: string, private readonly open: (request: OpenRequest) => void) {
    this.ended = api.call<{ checks: Check[] }>('POST', `/workers/${worker}/checks`).then(({ checks }) => {
      this.element.replaceChildren(...checks.map((check) => this.row(check)))
      return checks.find((check) => check.state === 'failed') ?? null
    })
    this.ended.catch((error: unknown) => {
      this.element.replaceChildren(h('div', { class: 'checkrow' }, icon('fault', 'is-fail'), h('span', {}, said(error)), h('span')))
    })
  }

  private row(check: Check): HTMLElement {
    const [name, colour] = ICONS[check.state]
    const what = h('span', { class: 'checkwhat' }, check.name)
    if (check.state !== 'passed' && check.detail) what.append(': ', h('span', { class: 'muted' }, check.detail))
    if (check.path) {
      const go = h('button', { class: 'linklike mono', type: 'button' }, `${check.path}:${check.line || 1}`)
      go.addEventListener('click', () => this.open({ path: check.path, line: check.line || 1 }))
      what.append(' ', go)
    }
    const end = { passed: duration(check.ms), failed: '', warning: 'not blocking', skipped: 'not tried' }[check.state]
    const row = h('div', { class: `checkrow${check.state === 'skipped' ? ' checkrow--wait' : ''}` }, icon(name, colour), what, h('span', {}, end))
    row.dataset.state = check.state
    return row
  }
}

function waiting(name: string): HTMLElement {
  return h('div', { class: 'checkrow checkrow--wait' }, h('i', { class: 'spin' }), h('span', {}, name), h('span'))
}
