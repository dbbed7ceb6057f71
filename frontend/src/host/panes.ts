/**
 * Which pane is shown: the tabs beside the workbench, the switch at the bottom of a phone, and moving between regions with F6.
 */

import { all, need } from './dom'
import type { Memory } from './memory'
import { Roving } from './roving'

export type Tab = 'preview' | 'http' | 'console' | 'data'

const TABS: Tab[] = ['preview', 'http', 'console', 'data']
const phone = matchMedia('(max-width: 760px)')

export interface PanesEvents {
  console(visible: boolean): void
  data(visible: boolean): void
  /** The workbench is to have the focus. */
  editor(): void
}

export class Panes {
  private readonly tabs: Roving
  private readonly switcher: Roving
  private tab: Tab = 'preview'

  constructor(
    private readonly memory: Memory,
    private readonly events: PanesEvents,
  ) {
    this.tabs = new Roving(need('.toolrow [role="tablist"]'), (item) => this.set(item.id.replace('tab-', '') as Tab))
    this.switcher = new Roving(need('.paneswitch [role="tablist"]'), (item) => this.setPhone(item.dataset.show ?? 'preview'))
    const kept = memory.get('tab', 'preview') as Tab
    this.show(TABS.includes(kept) ? kept : 'preview')
    phone.addEventListener('change', () => {
      // The switch did not follow the tabs while it was not there.
      if (document.body.dataset.pane !== 'editor') this.onPhone(this.tab)
      this.told()
    })
  }

  /** Shows a tab; with `focus`, its tab has the focus too. */
  show(tab: Tab, focus = false): void {
    const item = need(`#tab-${tab}`)
    this.tabs.select(item)
    if (phone.matches) this.onPhone(tab)
    if (focus && !phone.matches) item.focus()
  }

  onPhone(show: Tab | 'editor'): void {
    if (!phone.matches) return
    this.switcher.select(need(`.paneswitch [data-show="${show}"]`))
  }

  byNumber(n: number): void {
    const tab = TABS[n - 1]
    if (tab) this.show(tab, true)
  }

  focusEditor(): void {
    this.onPhone('editor')
    need('#editor').focus()
    this.events.editor()
  }

  /** F6: workbench, tabs, pane, bar, and around. */
  nextRegion(step: 1 | -1): void {
    const regions = [need('#editor'), need('.toolrow [aria-selected="true"]'), need('.bar .bar__home')].filter((each) => each.getClientRects().length > 0)
    const at = regions.findIndex((each) => each === document.activeElement || each.closest('section, header')?.contains(document.activeElement))
    const next = regions[(at + step + regions.length) % regions.length]
    if (next?.id === 'editor') this.focusEditor()
    else next?.focus()
  }

  private set(tab: Tab): void {
    this.tab = tab
    for (const each of TABS) need(`#pane-${each}`).hidden = each !== tab
    this.memory.set('tab', tab)
    this.told()
  }

  private setPhone(show: string): void {
    document.body.dataset.pane = show === 'editor' ? 'editor' : 'side'
    if (show !== 'editor') this.tabs.select(need(`#tab-${show}`))
    else this.told()
    for (const item of all('.paneswitch [role="tab"]')) item.setAttribute('aria-selected', String(item.dataset.show === show))
  }

  private told(): void {
    // On a phone the workbench lies under the panes instead of being hidden: a browser does not start what it does not show.
    const editor = document.body.dataset.pane === 'editor'
    need('#workbench').inert = phone.matches && !editor
    need('#side').inert = phone.matches && editor
    const side = !phone.matches || document.body.dataset.pane !== 'editor'
    this.events.console(side && this.tab === 'console')
    this.events.data(side && this.tab === 'data')
  }
}
