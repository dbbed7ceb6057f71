/**
 * The host page's own keys. While the workbench has the focus it sees the keys first and sends on by name what is ours (KeyToHost).
 */

/** Calls back with deploy, next-region, previous-region, preview or editor, tab-1 … tab-4. */
export function startKeys(run: (name: string) => void): void {
  document.addEventListener('keydown', (event) => {
    if (document.querySelector('dialog[open]')) return
    const name = keyName(event)
    if (!name) return
    event.preventDefault()
    run(name === 'preview' && document.activeElement?.closest('#side') ? 'editor' : name)
  })
}

/** The name of a shortcut, or '' where the key is nothing of ours. */
export function keyName(event: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>): string {
  const command = event.ctrlKey || event.metaKey
  if (command && event.shiftKey && event.key === 'Enter') return 'deploy'
  if (event.key === 'F6' && !command && !event.altKey) return event.shiftKey ? 'previous-region' : 'next-region'
  if (!event.altKey || command || event.shiftKey) return ''
  const digit = /^Digit([1-4])$/.exec(event.code)
  if (digit) return `tab-${digit[1]}`
  return event.code === 'KeyP' ? 'preview' : ''
}
