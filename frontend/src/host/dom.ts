/**
 * Making and finding elements, for every page of the host. Text always goes in as text: nothing here parses HTML.
 */

type Attribute = string | number | boolean | null | undefined | ((event: never) => void)
type Child = Node | string | null | undefined | false

/** An element with attributes (`on…` functions are listeners, `true` is an empty attribute, null and false are left out). */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Attribute> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children) if (child) element.append(child)
  return element
}

const SVG = 'http://www.w3.org/2000/svg'

/** An icon of the page's sprite (`parts/icons.html`), hidden from assistive technology. */
export function icon(name: string, extra = ''): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', `${name === 'mark' ? 'mark' : 'icon'} ${extra}`.trim())
  svg.setAttribute('viewBox', name === 'mark' ? '0 0 20 20' : '0 0 16 16')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.append(use)
  return svg
}

/** The one element that a selector finds. Throws with the selector where the template has none. */
export function need<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T {
  const found = root.querySelector<T>(selector)
  if (!found) throw new Error(`The page has no ${selector}`)
  return found
}

export function find<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T | null {
  return root.querySelector<T>(selector)
}

export function all<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T[] {
  return [...root.querySelectorAll<T>(selector)]
}

/** Copies a text and says so on the button for two seconds. */
export async function copyFrom(button: HTMLElement, text: string): Promise<void> {
  const label = button.querySelector('span') ?? button
  const before = label.textContent
  try {
    await navigator.clipboard.writeText(text)
    label.textContent = 'Copied'
  } catch {
    label.textContent = 'Not allowed'
  }
  setTimeout(() => (label.textContent = before), 2000)
}

/** True where a key press belongs to what is being typed, and so is not a shortcut. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}
