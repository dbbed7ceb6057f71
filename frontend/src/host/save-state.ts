/**
 * What the bar says about edits: saved, saving, or kept here until the line is back. Pure; edit.ts draws it.
 */

export type Saved = 'saved' | 'saving' | 'offline'

export interface SaveInput {
  /** From the sync client, or null before it has said anything. */
  client: { state: Saved; waiting: number; kept?: boolean } | null
  lineOpen: boolean
  /** Whether the line was ever open: before that the page is only starting. */
  everOpen: boolean
  /** Why the line ended for good, where it did. */
  ended: string
}

export interface SaveOutput {
  state: Saved
  text: string
  title: string
}

export function edits(n: number): string {
  return `${n} edit${n === 1 ? '' : 's'}`
}

export function describeSave({ client, lineOpen, everOpen, ended }: SaveInput): SaveOutput {
  const waiting = client?.waiting ?? 0
  if (ended) return { state: 'offline', text: waiting ? `Not saved: ${edits(waiting)} kept here` : 'Disconnected', title: ended }
  if (lineOpen && client?.state === 'offline' && waiting) {
    return { state: 'offline', text: `Not saved: ${edits(waiting)} kept here`, title: 'The server would refuse them as they are. They go as soon as they fit.' }
  }
  if (!lineOpen || client?.state === 'offline') {
    if (!everOpen && !waiting) return { state: 'offline', text: 'Connecting…', title: '' }
    const text = waiting ? `Offline, ${edits(waiting)} kept here` : 'Offline'
    const title = client?.kept === false ? 'Edits are kept in this tab only: leave it open.' : 'Edits are kept on this computer and sent when the server is back.'
    return { state: 'offline', text, title }
  }
  if (!client) return { state: 'offline', text: 'Connecting…', title: '' }
  if (client.state === 'saving' || waiting > 0) return { state: 'saving', text: 'Saving…', title: `${edits(Math.max(1, waiting))} on the way` }
  return { state: 'saved', text: 'Saved', title: 'Every edit is on disk at the server.' }
}
