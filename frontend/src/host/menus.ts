/**
 * Menus are popovers: the browser closes them on Esc and on a click outside. This places them and moves within them.
 */

/** Makes every `.menu[popover]` of the page a keyboard menu, placed at the button that opens it. */
export function startMenus(): void {
  for (const menu of document.querySelectorAll<HTMLElement>('.menu[popover]')) {
    const opener = document.querySelector<HTMLElement>(`[popovertarget="${menu.id}"]`)
    menu.addEventListener('beforetoggle', (event) => {
      if ((event as ToggleEvent).newState === 'open' && opener) place(menu, opener)
    })
    menu.addEventListener('toggle', (event) => {
      if ((event as ToggleEvent).newState === 'open') items(menu)[0]?.focus()
    })
    menu.addEventListener('keydown', (event) => move(menu, event))
    menu.addEventListener('click', (event) => {
      if (event.target instanceof Element && event.target.closest('[role="menuitem"]')) menu.hidePopover()
    })
  }
}

/** Opens a menu that has no button of its own at the one that was pressed. */
export function openMenu(menu: HTMLElement, opener: HTMLElement): void {
  place(menu, opener)
  opener.setAttribute('aria-expanded', 'true')
  menu.addEventListener(
    'toggle',
    function closed(event) {
      if ((event as ToggleEvent).newState !== 'closed') return
      menu.removeEventListener('toggle', closed)
      opener.setAttribute('aria-expanded', 'false')
      if (document.activeElement === document.body) opener.focus()
    },
  )
  menu.showPopover()
}

function place(menu: HTMLElement, opener: HTMLElement): void {
  const box = opener.getBoundingClientRect()
  const end = box.left > innerWidth / 2
  const up = box.bottom > innerHeight * 0.7
  menu.style.left = end ? 'auto' : `${Math.max(4, box.left)}px`
  menu.style.right = end ? `${Math.max(4, document.documentElement.clientWidth - box.right)}px` : 'auto'
  menu.style.top = up ? 'auto' : `${box.bottom + 4}px`
  menu.style.bottom = up ? `${innerHeight - box.top + 4}px` : 'auto'
}

function items(menu: HTMLElement): HTMLElement[] {
  return [...menu.querySelectorAll<HTMLElement>('[role="menuitem"]')].filter((item) => item.offsetParent !== null || item.getClientRects().length > 0)
}

function move(menu: HTMLElement, event: KeyboardEvent): void {
  const list = items(menu)
  const at = list.indexOf(document.activeElement as HTMLElement)
  const to =
    event.key === 'ArrowDown' ? (at + 1) % list.length
    : event.key === 'ArrowUp' ? (at - 1 + list.length) % list.length
    : event.key === 'Home' ? 0
    : event.key === 'End' ? list.length - 1
    : -1
  if (event.key === 'Tab') menu.hidePopover()
  if (to < 0) return
  event.preventDefault()
  list[to]?.focus()
}
