/**
 * Completion, hover and squiggles for the other files of a worker (JSON, CSS, HTML), from VS Code's own language services,
 * which are plain libraries: no server is asked. `language` loads this chunk when such a file is opened.
 */
import { getCSSLanguageService } from 'vscode-css-languageservice'
import { getLanguageService as getHtmlLanguageService, TextDocument } from 'vscode-html-languageservice'
import { getLanguageService as getJsonLanguageService } from 'vscode-json-languageservice'
import { createConverter as createFrom } from 'vscode-languageclient/lib/common/codeConverter.js'
import { createConverter as createTo } from 'vscode-languageclient/lib/common/protocolConverter.js'
import * as vscode from 'vscode'
import { SCHEMAS } from './schema'

/** Milliseconds after the last key before a document is looked at for mistakes. */
const PAUSE = 200

const from = createFrom()
const to = createTo(undefined, false, false)

type Place = { line: number; character: number }

/** What we use of a language service, over one document. */
interface Service {
  complete(document: TextDocument, at: Place): Promise<unknown> | unknown
  hover(document: TextDocument, at: Place): Promise<unknown> | unknown
  validate?(document: TextDocument, language: string): PromiseLike<unknown[]> | unknown[]
}

function jsonService(): Service {
  const json = getJsonLanguageService({ schemaRequestService: () => Promise.reject(new Error('Schemas from elsewhere are not loaded.')) })
  json.configure({ validate: true, allowComments: true, schemas: SCHEMAS.map((each) => ({ ...each, fileMatch: each.fileMatch.map((name) => `**/${name}`) })) })
  return {
    complete: (document, at) => json.doComplete(document, at, json.parseJSONDocument(document)),
    hover: (document, at) => json.doHover(document, at, json.parseJSONDocument(document)),
    validate: (document, language) =>
      json.doValidation(document, json.parseJSONDocument(document), {
        comments: language === 'jsonc' ? 'ignore' : 'error',
        trailingCommas: language === 'jsonc' ? 'ignore' : 'error',
        schemaRequest: 'ignore',
      }),
  }
}

function cssService(): Service {
  const css = getCSSLanguageService()
  return {
    complete: (document, at) => css.doComplete(document, at, css.parseStylesheet(document)),
    hover: (document, at) => css.doHover(document, at, css.parseStylesheet(document)),
    validate: (document) => css.doValidation(document, css.parseStylesheet(document)),
  }
}

function htmlService(): Service {
  const html = getHtmlLanguageService()
  return {
    complete: (document, at) => html.doComplete(document, at, html.parseHTMLDocument(document)),
    hover: (document, at) => html.doHover(document, at, html.parseHTMLDocument(document)),
  }
}

const snapshot = (document: vscode.TextDocument): TextDocument =>
  TextDocument.create(document.uri.toString(), document.languageId, document.version, document.getText())

/** Makes the services of these kinds of file answer from now on. */
export function registerOthers(): void {
  register(['json', 'jsonc'], ['"', ':', ' '], jsonService())
  register(['css'], [':', '-'], cssService())
  register(['html'], ['<', ' ', '"', '/', '.'], htmlService())
}

function register(languages: string[], triggers: string[], service: Service): void {
  const selector = languages.map((language) => ({ language, scheme: 'file' }))
  vscode.languages.registerCompletionItemProvider(
    selector,
    {
      provideCompletionItems: async (document, position) => {
        const found = await service.complete(snapshot(document), from.asPosition(position))
        return to.asCompletionResult(found as never)
      },
    },
    ...triggers,
  )
  vscode.languages.registerHoverProvider(selector, {
    provideHover: async (document, position) => {
      const found = await service.hover(snapshot(document), from.asPosition(position))
      return found ? to.asHover(found as never) : null
    },
  })
  if (service.validate) validateOpen(languages, service.validate)
}

function validateOpen(languages: string[], validate: NonNullable<Service['validate']>): void {
  const problems = vscode.languages.createDiagnosticCollection(languages[0])
  const waiting = new Map<string, ReturnType<typeof setTimeout>>()
  const look = async (document: vscode.TextDocument): Promise<void> => {
    const found = await validate(snapshot(document), document.languageId)
    if (!document.isClosed) problems.set(document.uri, await to.asDiagnostics(found as never))
  }
  const later = (document: vscode.TextDocument): void => {
    if (!languages.includes(document.languageId) || document.uri.scheme !== 'file') return
    const key = document.uri.toString()
    clearTimeout(waiting.get(key))
    waiting.set(key, setTimeout(() => void look(document).catch(console.error), PAUSE))
  }
  vscode.workspace.onDidOpenTextDocument(later)
  vscode.workspace.onDidChangeTextDocument((event) => later(event.document))
  vscode.workspace.onDidCloseTextDocument((document) => {
    clearTimeout(waiting.get(document.uri.toString()))
    problems.delete(document.uri)
  })
  vscode.workspace.textDocuments.forEach(later)
}
