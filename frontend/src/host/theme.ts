/**
 * System, light, dark. The choice is a cookie, so that the server writes it into the next page and the first paint is right.
 */

export type Choice = 'system' | 'light' | 'dark'
export type Theme = 'light' | 'dark'

const ORDER: Choice[] = ['system', 'light', 'dark']
const listeners = new Set<(theme: Theme) => void>()
const system = matchMedia('(prefers-color-scheme: dark)')

export function choice(): Choice {
  const set = document.documentElement.dataset.theme
  return set === 'light' || set === 'dark' ? set : 'system'
}

/** What is shown now. */
export function theme(): Theme {
  const chosen = choice()
  return chosen === 'system' ? (system.matches ? 'dark' : 'light') : chosen
}

/** Calls back at every change, until the page goes. */
export function onTheme(listener: (theme: Theme) => void): void {
  listeners.add(listener)
}

export function choose(next: Choice): void {
  const root = document.documentElement
  if (next === 'system') delete root.dataset.theme
  else root.dataset.theme = next
  document.querySelector('meta[name="color-scheme"]')?.setAttribute('content', next === 'system' ? 'light dark' : next)
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  document.cookie = `theme=${next}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`
  label()
  for (const listener of listeners) listener(theme())
}

function label(): void {
  for (const button of document.querySelectorAll('[data-theme-switch]')) {
    button.setAttribute('aria-label', `Theme: ${choice()}`)
    button.setAttribute('title', `Theme: ${choice()}`)
  }
}

export function startTheme(): void {
  label()
  document.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('[data-theme-switch]')) {
      choose(ORDER[(ORDER.indexOf(choice()) + 1) % ORDER.length] ?? 'system')
    }
  })
  system.addEventListener('change', () => {
    if (choice() === 'system') for (const listener of listeners) listener(theme())
  })
}
