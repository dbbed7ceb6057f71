/**
 * Sentences of VS Code's that are not true here, said anew: `workbench` and the history use it. VS Code finds a translated message by
 * its number, which changes with its version; the version is pinned, and a test reads the numbers in the package.
 */
export const RESTORE = 'Restore This Revision'
export const RESTORE_ALL = 'Restore All Files as of Here'

export const SENTENCES = [
  { number: 10977, was: 'This action is irreversible!', is: `The History keeps it: “${RESTORE_ALL}” brings it back.` },
  { number: 11091, was: 'This action is irreversible!', is: `The History keeps what was there: “${RESTORE}” brings it back.` },
  // Under the name of Quick Edit, whose version and date these are not.
  { number: 3301, was: 'Version: {0}\nCommit: {1}\nDate: {2}\nBrowser: {3}', is: 'Built on Visual Studio Code {0}\nCommit: {1}\nDate: {2}\nBrowser: {3}' },
] as const

/** Must run before VS Code asks; a message without an entry stays as it is. */
export function correctSentences(): void {
  Object.assign(globalThis, { _VSCODE_NLS_MESSAGES: Object.fromEntries(SENTENCES.map((each) => [each.number, each.is])) })
}
