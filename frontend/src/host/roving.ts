/**
 * One tab stop for a row of tabs or radio buttons; arrows move within it, Home and End jump, as everywhere in the workbench.
 */

export type Chosen = (element: HTMLElement, byUser: boolean) => void

/** A tablist or radiogroup. Choosing is what `select` does too; `onChoose` hears of every change. */
export class Roving {
  readonly items: HTMLElement[]

  constructor(
    readonly root: HTMLElement,
    private readonly onChoose: Chosen,
  ) {
    const role = root.getAttribute('role') === 'tablist' ? 'tab' : 'radio'
    this.items = [...root.querySelectorAll<HTMLElement>(`[role="${role}"]`)]
    root.addEventListener('click', (event) => {
      const item = event.target instanceof Element ? event.target.closest<HTMLElement>(`[role="${role}"]`) : null
      if (item) this.select(item, true)
    })
    root.addEventListener('keydown', (event) => this.move(event))
  }

  get chosen(): HTMLElement | undefined {
    return this.items.find((item) => item.getAttribute(this.state) === 'true')
  }

  private get state(): string {
    return this.root.getAttribute('role') === 'tablist' ? 'aria-selected' : 'aria-checked'
  }

  select(item: HTMLElement, byUser = false): void {
    for (const each of this.items) {
      each.setAttribute(this.state, String(each === item))
      each.tabIndex = each === item ? 0 : -1
    }
    this.onChoose(item, byUser)
  }

  private move(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const at = this.items.indexOf(document.activeElement as HTMLElement)
    if (at < 0) return
    const last = this.items.length - 1
    const to =
      event.key === 'ArrowRight' || event.key === 'ArrowDown' ? (at === last ? 0 : at + 1)
      : event.key === 'ArrowLeft' || event.key === 'ArrowUp' ? (at === 0 ? last : at - 1)
      : event.key === 'Home' ? 0
      : event.key === 'End' ? last
      : -1
    const item = this.items[to]
    if (!item) return
    event.preventDefault()
    item.focus()
    this.select(item, true)
  }
}
