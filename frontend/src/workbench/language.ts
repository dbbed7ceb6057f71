/**
 * The language client: VS Code's own, over `lsp` frames. A lazy chunk, loaded by `workbench` after the first paint. It
 * starts again with every connection, because the server's side of it ends with the old one.
 */
import { BaseLanguageClient, CloseAction, ErrorAction, State, type MessageTransports } from 'vscode-languageclient/browser.js'
import { AbstractMessageReader, AbstractMessageWriter, type DataCallback, type Disposable, type Message } from 'vscode-jsonrpc/browser.js'
import type { EarlyKeys } from './early'
import { Fitting } from './languages/fitting'
import { settling } from './languages/settle'
import { once } from './later'
import type { Link } from './link'
import { STUBS, toUri } from './space'
import * as vscode from 'vscode'

class LinkReader extends AbstractMessageReader {
  private callback: DataCallback | null = null

  listen(callback: DataCallback): Disposable {
    this.callback = callback
    return { dispose: () => (this.callback = null) }
  }

  take(message: Message): void {
    this.callback?.(message)
  }

  /** The connection is gone: nothing more comes, and whoever listens is told. */
  end(): void {
    this.callback = null
    this.fireClose()
  }
}

class LinkWriter extends AbstractMessageWriter {
  private open = true
  private readonly fitting = new Fitting((uri) => vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri)?.getText())

  constructor(private readonly link: Link) {
    super()
  }

  async write(message: Message): Promise<void> {
    const body = this.open ? this.fitting.fit(message) : null
    if (body) this.link.send({ t: 'lsp', body: body as unknown as Record<string, unknown> })
  }

  end(): void {
    this.open = false
  }
}

class Client extends BaseLanguageClient {
  constructor(private readonly transports: { reader: LinkReader; writer: LinkWriter }) {
    super('python', 'Python', {
      documentSelector: [{ language: 'python', scheme: 'file' }, { scheme: STUBS }],
      middleware: { provideCompletionItem: settling() },
      synchronize: { configurationSection: 'quickedit' },
      workspaceFolder: { uri: vscode.Uri.file(toUri('').path), name: 'worker', index: 0 },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
    })
  }

  protected override createMessageTransports(): Promise<MessageTransports> {
    return Promise.resolve(this.transports)
  }
}

/** Kinds of file whose services are libraries in the page, loaded with the first such file. */
const OTHERS = ['json', 'jsonc', 'css', 'html']

function serveStubs(current: () => Client | null): void {
  vscode.workspace.registerTextDocumentContentProvider(STUBS, {
    provideTextDocumentContent: async (uri) => {
      const answer = await current()?.sendRequest<{ text: string } | null>('workspace/textDocumentContent', { uri: uri.toString(true) })
      return answer?.text ?? '# This document can no longer be read. Look it up once more.\n'
    },
  })
}

function serveOthers(): void {
  // Where they cannot be fetched, the next such file is the next chance.
  const register = once(async () => (await import('./languages/others')).registerOthers())
  const look = (document: vscode.TextDocument): void => {
    if (!OTHERS.includes(document.languageId)) return
    register().then(() => opened.dispose(), (error: unknown) => console.error('language services', error))
  }
  const opened = vscode.workspace.onDidOpenTextDocument(look)
  vscode.workspace.textDocuments.forEach(look)
}

/** Keeps a language client going, a new one with every connection. `refused` is told where the server will not have one. */
export function connectLanguage(link: Link, keys: EarlyKeys, refused: (error: unknown) => void): void {
  let client: Client | null = null
  let current: { reader: LinkReader; writer: LinkWriter } | null = null
  const start = (): void => {
    const mine = { reader: new LinkReader(), writer: new LinkWriter(link) }
    current = mine
    client = new Client(mine)
    // A start that a lost connection cuts short is no refusal: the next connection brings the next one.
    client.start().then(() => mine === current && keys.end(), (error: unknown) => mine === current && refused(error))
  }
  link.on('lsp', (frame) => current?.reader.take(frame.body as unknown as Message))
  link.on('connection', () => {
    const old = current
    current = null
    keys.wait()
    old?.writer.end()
    // One that still starts is forgotten: told of the end, it would say to the person that it could not start, and it has
    // registered nothing that would have to be taken back.
    if (client?.state === State.Running) old?.reader.end()
    else client?.diagnostics?.dispose()
    client = null
  })
  serveStubs(() => client)
  serveOthers()
  // The server takes language frames after its welcome only. The first one is past.
  link.on('welcome', start)
  start()
}
