/**
 * The Deploy button: waits until every edit is acknowledged, opens the dialog, and carries the amber dot while the draft differs from
 * what is live (asked of the server when typing has paused, so that going back to the live text takes the dot away).
 */

import type { Api } from './api'
import type { Changes } from './changes'
import { DeployDialog } from './deploy'
import { need } from './dom'
import type { OpenRequest } from './preview-rules'
import { edits } from './save-state'

const QUIET_MS = 1500

export interface DeployButtonContext {
  worker: string
  liveUrl: string
  live: { version: number; url: string } | null
  open(request: OpenRequest): void
  done(deployed: { version: number; url: string }): void
  /** Shows the Data tab at the live database of a binding. */
  migrations(binding: string): void
}

export class DeployButton {
  private readonly button = need<HTMLButtonElement>('#deploy')
  private readonly dot = need('.btn__dot', this.button)
  private readonly dialog: DeployDialog
  private waits = 0
  private asked = false
  private quiet: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly api: Api,
    private readonly context: DeployButtonContext,
  ) {
    this.dialog = new DeployDialog(api, context)
    this.button.addEventListener('click', () => this.press())
  }

  /** Opens the dialog, or waits for the last acknowledgement to open it; a second press stops waiting. */
  press(): void {
    if (this.dialog.isOpen) return
    if (this.waits && !this.asked) {
      this.asked = true
      return this.draw()
    }
    this.asked = false
    this.draw()
    if (!this.waits) void this.dialog.open()
  }

  /** How many edits are not acknowledged. */
  waiting(n: number): void {
    this.waits = n
    if (n === 0 && this.asked) {
      this.asked = false
      void this.dialog.open()
    }
    this.draw()
  }

  /** Something was committed: asks, when it is quiet, whether the draft still differs. */
  changed(): void {
    clearTimeout(this.quiet)
    this.quiet = setTimeout(() => void this.compare(), QUIET_MS)
  }

  live(version: number, url: string): void {
    const link = need<HTMLAnchorElement>('#open-live')
    link.href = url
    link.hidden = false
    need('span', link).textContent = `v${version} live`
    this.changed()
  }

  private async compare(): Promise<void> {
    try {
      const { changes, variables = [] } = await this.api.call<Changes>('GET', `/workers/${this.context.worker}/changes`)
      const differs = changes.length + variables.length > 0
      this.dot.hidden = !differs
      this.button.setAttribute('aria-description', differs ? 'The draft differs from live' : 'The draft is the same as live')
    } catch {
      // the dot is a courtesy; the dialog asks again and says what failed
    }
  }

  private draw(): void {
    const words = need('span', this.button)
    words.textContent = this.asked ? `Saving ${edits(this.waits)}…` : 'Deploy'
    this.button.title = this.asked ? 'Opens when every edit is saved. Press again not to wait.' : 'Deploy (Ctrl+Shift+Enter)'
  }
}
