/**
 * Keeps what the language client sends within a frame of the bridge, which closes on a larger one. A document's text can be
 * too large for a frame and still be a module that is saved: in JSON a quote counts twice and a control character six times.
 * Used by `language`, one for each connection.
 */
import type { Message, NotificationMessage } from 'vscode-jsonrpc/browser.js'
import { MAX_FRAME } from '../../wire/messages'
import { utf8Length } from '../../sync/text'

/** Bytes for what stands around the body in a frame. */
const AROUND = 100
/** What the server gets to see instead: too long for its analysers as well, so it says so in the module and answers nothing. */
const INSTEAD = '#'.repeat(MAX_FRAME / 2)

interface Parameters {
  textDocument: { uri: string; text?: string }
}

export class Fitting {
  private readonly replaced = new Set<string>()

  /** `textOf` is an open document's text as it is now. */
  constructor(private readonly textOf: (uri: string) => string | undefined) {}

  /** The message as it may be sent; null where the server has no use for it. */
  fit(message: Message): Message | null {
    const notification = message as NotificationMessage
    const params = notification.params as unknown as Parameters
    if (notification.method === 'textDocument/didOpen') return this.opened(notification, params)
    if (notification.method === 'textDocument/didChange') return this.changed(notification, params)
    if (notification.method === 'textDocument/didClose') this.replaced.delete(params.textDocument.uri)
    return message
  }

  private opened(message: NotificationMessage, { textDocument }: Parameters): Message {
    if (fits(message)) return message
    this.replaced.add(textDocument.uri)
    return { ...message, params: { textDocument: { ...textDocument, text: INSTEAD } } } as NotificationMessage
  }

  private changed(message: NotificationMessage, { textDocument }: Parameters): Message | null {
    const { uri } = textDocument
    const whole = (text: string): NotificationMessage => ({ ...message, params: { textDocument, contentChanges: [{ text }] } })
    if (!this.replaced.has(uri)) {
      if (fits(message)) return message
      this.replaced.add(uri)
      return whole(INSTEAD)
    }
    const text = this.textOf(uri)
    // Changes of a text that the server does not have mean nothing to it: it gets the whole once that fits.
    if (text === undefined || text.length > MAX_FRAME || !fits(whole(text))) return null
    this.replaced.delete(uri)
    return whole(text)
  }
}

const fits = (message: Message): boolean => utf8Length(JSON.stringify(message)) <= MAX_FRAME - AROUND
