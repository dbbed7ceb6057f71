/** A button that destroys asks by itself: the second click does it. */

/** Milliseconds in which the second click must come. */
export const ARMED_MS = 4000

/** The first click turns the button red for 4 s; the second one does it. */
export function confirmTwice(button: HTMLElement, again: string, run: () => void): void {
  const label = button.querySelector('span')
  const before = label?.textContent ?? ''
  const name = button.getAttribute('aria-label')
  let timer: ReturnType<typeof setTimeout> | undefined
  const disarm = () => {
    clearTimeout(timer)
    button.removeAttribute('data-armed')
    button.classList.remove('btn--danger', 'is-fail')
    if (label) label.textContent = before
    if (name) button.setAttribute('aria-label', name)
  }
  button.addEventListener('click', () => {
    if (button.hasAttribute('data-armed')) {
      disarm()
      return run()
    }
    button.setAttribute('data-armed', '')
    button.classList.add(button.classList.contains('btn') ? 'btn--danger' : 'is-fail')
    if (label) label.textContent = again
    else button.setAttribute('aria-label', `${again}: ${name ?? ''}`)
    timer = setTimeout(disarm, ARMED_MS)
  })
}
