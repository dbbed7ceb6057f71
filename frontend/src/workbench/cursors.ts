/**
 * Draws the others' cursors and selections in the editors that are open here, says where this person's own are, and goes
 * after somebody who is followed. Made once by `workbench`; what is where is `sync/presence`'s.
 */
import { ICodeEditorService, IModelService, getService } from '@codingame/monaco-vscode-api'
import type { ICodeEditor } from '@codingame/monaco-vscode-api/vscode/vs/editor/browser/editorBrowser'
import { ScrollType } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/editorCommon'
import { Range } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/core/range'
import { type IModelDeltaDecoration, type ITextModel, OverviewRulerLane, TrackedRangeStickiness } from '@codingame/monaco-vscode-api/vscode/vs/editor/common/model'
import type { SyncClient } from '../sync/client'
import type { Colleague } from '../sync/presence'
import type { Text } from '../sync/text'
import type { Colleague as Face } from '../wire/messages'
import type { WorkerFileSystem } from './filesystem'
import { colour, PeopleStyles } from './people-styles'
import { hueOf } from '../sync/people'
import { ends, toPosition } from './positions'
import { toPath } from './space'

/** Milliseconds that a name stands at a cursor after it has moved. */
const NAME_TIME = 2500

export interface CursorsParts {
  client: SyncClient
  files: WorkerFileSystem
  /** Shows a file without taking the focus. */
  reveal(path: string): Promise<ICodeEditor | null>
  people(people: Face[], following: string | null): void
}

export class Cursors {
  private readonly styles = new PeopleStyles()
  /** What is drawn in each model, by client. */
  private readonly drawn = new Map<ITextModel, string[]>()
  private readonly moved = new Map<string, { at: string; when: number }>()
  private following: string | null = null
  private shownAt = ''
  private told = ''
  private frame = 0
  private fading: ReturnType<typeof setTimeout> | undefined

  private constructor(private readonly parts: CursorsParts, private readonly models: IModelService, editors: ICodeEditorService) {
    parts.client.presence.onChange = () => this.soon()
    editors.listCodeEditors().forEach((editor) => this.watch(editor))
    editors.onCodeEditorAdd((editor) => this.watch(editor))
    models.onModelAdded(() => this.soon())
    models.onModelRemoved((model) => void this.drawn.delete(model))
    this.soon()
  }

  static async create(parts: CursorsParts): Promise<Cursors> {
    const [models, editors] = await Promise.all([getService(IModelService), getService(ICodeEditorService)])
    return new Cursors(parts, models, editors)
  }

  /** Goes after that editor's cursor from now on; null stays here. */
  follow(client: string | null): void {
    this.following = client
    this.shownAt = ''
    this.soon()
  }

  // --- this person's own cursor

  private watch(editor: ICodeEditor): void {
    const tell = (): void => this.tellOwn(editor)
    editor.onDidChangeCursorSelection(() => editor.hasTextFocus() && tell())
    editor.onDidFocusEditorText(tell)
    editor.onDidChangeModel(() => editor.hasTextFocus() && tell())
    // Whoever does something here is no longer a passenger.
    editor.onKeyDown(() => this.leave())
    editor.onMouseDown(() => this.leave())
  }

  private leave(): void {
    if (this.following !== null) this.follow(null)
  }

  private tellOwn(editor: ICodeEditor): void {
    const { client, files } = this.parts
    const model = editor.getModel()
    const path = model && toPath(model.uri)
    const file = path ? files.files.get(path) : undefined
    const text = file === undefined ? undefined : client.replica.text(file)
    if (!text || file === undefined) return client.presence.moved(null, [])
    const ranges = (editor.getSelections() ?? []).map((selection) => {
      const [anchor, head] = ends(text, selection)
      return { anchor, head }
    })
    client.presence.moved(file, ranges)
  }

  // --- the others'

  private soon(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0
      this.draw()
    })
  }

  private draw(): void {
    const { presence, replica } = this.parts.client
    const colleagues = presence.colleagues
    this.styles.keep(colleagues)
    const now = performance.now()
    for (const each of colleagues) this.note(each, now)
    for (const model of this.models.getModels()) {
      const path = toPath(model.uri)
      const file = path ? this.parts.files.files.get(path) : undefined
      const text = file === undefined ? undefined : replica.text(file)
      const here = text ? colleagues.filter((each) => each.file === file) : []
      const before = this.drawn.get(model) ?? []
      if (here.length === 0 && before.length === 0) continue
      const wanted = here.flatMap((each) => this.decorations(each, text!, now))
      this.drawn.set(model, model.deltaDecorations(before, wanted))
    }
    clearTimeout(this.fading)
    if (colleagues.some((each) => this.isFresh(each.client, now))) this.fading = setTimeout(() => this.soon(), NAME_TIME)
    this.tellPeople(colleagues)
    this.goAfter(colleagues)
  }

  private note({ client, file }: Colleague, now: number): void {
    const at = JSON.stringify([file, this.parts.client.presence.ranges(client)])
    if (this.moved.get(client)?.at !== at) this.moved.set(client, { at, when: now })
  }

  private isFresh(client: string, now: number): boolean {
    return now - (this.moved.get(client)?.when ?? 0) < NAME_TIME
  }

  private decorations({ client, person }: Colleague, text: Text, now: number): IModelDeltaDecoration[] {
    const name = this.styles.of(client)
    const stickiness = TrackedRangeStickiness.NeverGrowsWhenTypingAtEdges
    const overviewRuler = { color: colour(person.name), position: OverviewRulerLane.Right }
    return this.parts.client.presence.ranges(client).flatMap(({ anchor, head }) => {
      const clamp = (offset: number): number => Math.min(offset, text.length)
      const [from, to] = [toPosition(text, clamp(Math.min(anchor, head))), toPosition(text, clamp(Math.max(anchor, head)))]
      const at = toPosition(text, clamp(head))
      const caret = `${name}-caret${this.isFresh(client, now) ? ` ${name}-named` : ''}${at.lineNumber === 1 ? ` ${name}-below` : ''}`
      const shown: IModelDeltaDecoration[] = [{
        range: Range.fromPositions(at, at),
        options: { description: 'colleague', beforeContentClassName: caret, showIfCollapsed: true, stickiness, zIndex: 10, overviewRuler, hoverMessage: { value: person.name, isTrusted: false } },
      }]
      if (anchor !== head) shown.push({ range: Range.fromPositions(from, to), options: { description: 'colleague', className: `${name}-selection`, stickiness } })
      return shown
    })
  }

  private tellPeople(colleagues: Colleague[]): void {
    const people = colleagues.map(({ client, person, role, file }): Face => {
      const path = file === null ? null : (this.parts.files.pathOf(file) ?? null)
      return { client, id: person.id, name: person.name, role, hue: hueOf(person.name), path, line: this.lineOf(client, file) }
    })
    if (this.following !== null && !people.some((each) => each.client === this.following)) this.following = null
    const key = JSON.stringify([people, this.following])
    if (key === this.told) return
    this.told = key
    this.parts.people(people, this.following)
  }

  private lineOf(client: string, file: string | null): number {
    const { presence, replica } = this.parts.client
    const [text, range] = [file === null ? undefined : replica.text(file), presence.ranges(client)[0]]
    return text && range ? toPosition(text, Math.min(range.head, text.length)).lineNumber : 0
  }

  private goAfter(colleagues: Colleague[]): void {
    const who = colleagues.find((each) => each.client === this.following)
    const path = who?.file ? this.parts.files.pathOf(who.file) : undefined
    if (!who || path === undefined) return
    const line = Math.max(1, this.lineOf(who.client, who.file))
    if (this.shownAt === `${path}:${line}`) return
    this.shownAt = `${path}:${line}`
    void this.parts.reveal(path).then((editor) => editor?.revealLineInCenterIfOutsideViewport(line, ScrollType.Smooth))
  }
}
