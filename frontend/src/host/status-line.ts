/**
 * The two status lines of the edit page: the bar's (saved, saving, offline; the one with `role="status"` and the `data-…` that other
 * things read) and the pane's (which draft the preview runs, how long it took, in which sandbox).
 */

import { describeSave, type SaveInput } from './save-state'
import { icon, need } from './dom'
import { duration } from './time'

const SLOW_MS = 300
const SIGNS = { saved: ['check', 'is-live'], saving: ['cloud', ''], offline: ['offline', ''] } as const
const TIERS: Record<string, string> = {
  A: 'Tier A: namespaces, Landlock, seccomp',
  B: 'Tier B: Landlock and seccomp, without namespaces',
  off: 'The sandbox is switched off by the operator',
}

export class StatusLine {
  private readonly save = need('.save[role="status"]')
  private readonly draft = need('#at-draft')
  private slow: ReturnType<typeof setTimeout> | undefined
  private liveRevision = 0
  private liveVersion = 0
  private previewRevision = 0

  /** Shows «Saving…» only when an acknowledgement takes over 300 ms; `data-state` is always the truth. */
  saved(input: SaveInput, revision: number): void {
    const { state, text, title } = describeSave(input)
    this.save.dataset.state = state
    this.save.dataset.revision = String(revision)
    clearTimeout(this.slow)
    const draw = () => {
      const words = need('span', this.save)
      this.save.title = title
      if (words.textContent === text) return
      const [name, colour] = SIGNS[state]
      this.save.classList.toggle('is-quiet', text === 'Connecting…')
      this.save.replaceChildren(icon(text === 'Connecting…' ? 'cloud' : name, colour), words)
      words.textContent = text
    }
    if (state === 'saving') this.slow = setTimeout(draw, SLOW_MS)
    else draw()
  }

  ready(revision: number, ms: number): void {
    this.previewRevision = revision
    this.save.dataset.previewRevision = String(revision)
    this.save.dataset.readyMs = String(ms)
    need('#at-ready').textContent = `ready in ${duration(ms)}`
    this.drawDraft()
  }

  /** The preview does not run the newest draft. */
  behind(why: 'last good draft' | 'does not parse'): void {
    need('#at-ready').textContent = why
    // Which draft that is is not known to a page that was opened after it had run.
    if (!this.previewRevision) need('span', this.draft).textContent = 'Draft'
  }

  tier(tier: string, python: string): void {
    this.save.dataset.tier = tier
    const at = need('#at-tier')
    need('span', at).textContent = tier === 'off' ? 'No sandbox' : `Sandbox ${tier}`
    at.title = `${TIERS[tier] ?? `Tier ${tier}`} · CPython ${python}`
    at.classList.toggle('is-fail', tier === 'off')
  }

  live(version: number, revision: number): void {
    this.liveVersion = version
    this.liveRevision = revision
    this.drawDraft()
  }

  private drawDraft(): void {
    if (!this.previewRevision) return
    const same = this.liveRevision > 0 && this.previewRevision === this.liveRevision
    need('.dot', this.draft).className = `dot ${same ? 'dot--live' : 'dot--draft'}`
    need('span', this.draft).textContent = same ? `Same as live v${this.liveVersion}` : `Draft ${this.previewRevision}`
  }
}
