/**
 * Modal dialogs on the browser's own <dialog>: it makes the rest inert, keeps the focus in and gives it back.
 */

/** Opens a dialog. While it is `data-busy`, neither Esc nor a click outside closes it. */
export function openDialog(dialog: HTMLDialogElement, first?: HTMLElement | null): void {
  if (dialog.open) return
  if (!dialog.dataset.wired) wire(dialog)
  // A menu that is left closes first, so that the focus comes back to its button and not to an entry nobody sees.
  document.activeElement?.closest<HTMLElement>('[popover]:popover-open')?.hidePopover()
  dialog.showModal()
  first?.focus()
  if (first instanceof HTMLInputElement) first.select()
}

function wire(dialog: HTMLDialogElement): void {
  dialog.dataset.wired = 'yes'
  dialog.addEventListener('cancel', (event) => {
    if (dialog.dataset.busy) event.preventDefault()
  })
  let pressedOutside = false
  const outside = (event: PointerEvent | MouseEvent) => {
    const box = dialog.getBoundingClientRect()
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom
    return event.target === dialog && !inside
  }
  dialog.addEventListener('pointerdown', (event) => (pressedOutside = outside(event)))
  dialog.addEventListener('click', (event) => {
    const close = event.target instanceof Element && event.target.closest('[data-close]')
    if ((close || (pressedOutside && outside(event))) && !dialog.dataset.busy) dialog.close()
  })
}

/** A button that is at work keeps its width, its place and the focus; whoever handles it asks `isBusy` and does nothing twice. */
export function busy(button: HTMLElement, on: boolean): void {
  if (on) button.setAttribute('aria-busy', 'true')
  else button.removeAttribute('aria-busy')
}

export function isBusy(button: HTMLElement): boolean {
  return button.getAttribute('aria-busy') === 'true'
}
