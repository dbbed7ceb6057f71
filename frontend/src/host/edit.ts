/**
 * The entry of the edit page. Puts its parts together: the pipe to the server and to the workbench's iframe, the panes, the two status
 * lines, Deploy, and the keys. Nothing here holds text of a workspace; that lives in the iframe.
 */

import './styles/tokens.css'
import './styles/base.css'
import './styles/components.css'
import './styles/pages.css'
import './styles/edit.css'
import './styles/panes.css'
import './styles/data.css'
import './styles/phone.css'

import type { Notice } from '../sync/parts'
import type { ToClient } from '../wire/messages'
import { Api, pageData, type PageData } from './api'
import { PreviewBanner } from './banner'
import { ConsolePane } from './console'
import { DataPane } from './data/pane'
import { DeployButton } from './deploy-button'
import { need } from './dom'
import { EditorCover } from './editor-cover'
import { HttpPane } from './http'
import { startKeys } from './keys'
import type { LineState } from './line'
import { Memory } from './memory'
import { startMenus } from './menus'
import { Panes } from './panes'
import { PeopleBar } from './people'
import { PreviewPane } from './preview'
import type { OpenRequest } from './preview-rules'
import type { Saved } from './save-state'
import { type ForPage, Session } from './session'
import { startSplit } from './split'
import { StatusLine } from './status-line'
import { onTheme, startTheme } from './theme'
import { toast } from './toast'
import { WorkerActions } from './worker-actions'
import { startWorkerMenu } from './worker-menu'

interface EditData extends PageData {
  worker: number
  me: { id: number; name: string }
  role: string
  name: string
  socket: string
  editorOrigin: string
  live: { version: number; url: string; revision?: number } | null
  liveUrl: string
  previewOrigin?: string
}

/** What a changed role means, in words for its person. */
const ROLES = {
  owner: 'You are an owner of this worker now.',
  editor: 'You can edit this worker now.',
  viewer: 'You can view this worker now, but not change it.',
}

class EditPage {
  private readonly api: Api
  private readonly session: Session
  private readonly status = new StatusLine()
  private readonly panes: Panes
  private readonly preview: PreviewPane
  private readonly banner = new PreviewBanner((request) => this.open(request))
  private readonly console: ConsolePane
  private readonly http: HttpPane
  private readonly stored: DataPane
  private readonly deploy: DeployButton
  private readonly cover: EditorCover
  private readonly people: PeopleBar
  private client: { state: Saved; waiting: number; kept: boolean } | null = null
  /** Edits that other tabs of this person left and that this page brings to the server. */
  private recovering = 0
  private lineOpen = false
  private everOpen = false
  private ended = ''
  private revision = 0
  private readyRevision = 0
  private readonly notices = new Map<string, () => void>()
  private rejoined = false

  constructor(private readonly data: EditData) {
    const memory = new Memory(`quickedit:${data.worker}`)
    this.api = new Api(data.apiBase, data.csrfToken)
    this.session = new Session({ worker: data.name, owner: { user: data.me.id, worker: data.worker }, socket: data.socket, editorOrigin: data.editorOrigin, frame: need<HTMLIFrameElement>('#editor') }, this.api, {
      server: (frame) => this.fromServer(frame),
      editor: (frame) => this.fromEditor(frame),
      line: (state, why) => this.lineChanged(state, why),
      port: (state) => (state === 'open' ? this.cover.expectBoot() : this.cover.missing()),
      recovering: (waiting) => {
        this.recovering = waiting
        this.deploy.waiting(this.waiting)
        this.drawSaved()
      },
      notice: (notice) => this.notice(notice),
    })
    this.people = new PeopleBar(data.me, (client) => this.session.tell({ t: 'follow', client }))
    this.cover = new EditorCover(() => this.session.retryEditor())
    this.http = new HttpPane(this.api, data.name, memory)
    this.console = new ConsolePane(memory, { open: (request) => this.open(request), send: () => (this.panes.show('http'), void this.http.send('/')) })
    this.stored = new DataPane(this.api, data.name, memory, () => this.panes.show('console', true), (request) => this.open(request))
    this.panes = new Panes(memory, { console: (visible) => this.console.show(visible), data: (visible) => this.stored.show(visible), editor: () => this.session.tell({ t: 'focus' }) })
    this.preview = new PreviewPane(memory, {
      open: (request, focus) => this.open(request, focus),
      shown: () => this.banner.caughtUp(),
      held: (why) => this.banner.held(why, this.readyRevision, () => this.preview.reload()),
    })
    this.deploy = new DeployButton(this.api, {
      worker: data.name,
      liveUrl: data.liveUrl,
      live: data.live,
      open: (request) => this.open(request),
      done: ({ version, url }) => this.deployed(version, this.revision, url),
      migrations: (binding) => (this.stored.choose(binding, 'live'), this.panes.show('data', true)),
    })
  }

  start(): void {
    this.role(this.data.role)
    if (this.data.live) this.status.live(this.data.live.version, this.data.live.revision ?? 0)
    if (this.data.previewOrigin) this.preview.setAddress(this.data.previewOrigin)
    onTheme((theme) => this.session.themeChanged(theme))
    startKeys((name) => this.key(name))
    addEventListener('beforeunload', (event) => {
      // What the outbox has is safe; what is neither there nor acknowledged would be lost.
      if (this.client && !this.client.kept) event.preventDefault()
    })
    this.session.start()
  }

  private get waiting(): number {
    return Math.max(this.client?.waiting ?? 0, this.client?.state === 'saving' ? 1 : 0) + this.recovering
  }

  private notice({ message, level, hint, over }: Notice): void {
    this.notices.get(message)?.()
    this.notices.delete(message)
    if (!over) this.notices.set(message, toast({ message, level, hint }))
  }

  private open(request: OpenRequest, focus = true): void {
    this.session.tell({ t: 'open', path: request.path, line: request.line, focus })
    this.panes.onPhone('editor')
  }

  private fromServer(frame: ToClient): void {
    switch (frame.t) {
      case 'welcome':
        this.rejoined = this.readyRevision > 0
        this.revision = Math.max(this.revision, frame.revision)
        this.role(frame.role)
        this.deploy.changed()
        break
      case 'committed':
        this.revision = frame.revision
        this.banner.typed()
        this.deploy.changed()
        break
      case 'role':
        this.role(frame.role)
        toast({ message: ROLES[frame.role] })
        break
      case 'preview.address':
        this.status.tier(frame.tier, frame.python)
        this.preview.setAddress(frame.origin)
        break
      case 'preview.ready':
        this.status.ready(frame.revision, frame.ms)
        this.banner.clear()
        // After a reconnection the server says again what is shown already.
        this.isReady(frame.revision)
        break
      case 'preview.unparsed':
        this.status.behind(frame.stays ? 'last good draft' : 'does not parse')
        this.banner.unparsed(frame)
        break
      case 'preview.failed':
        this.status.behind('last good draft')
        this.banner.failed(frame.message, frame.hint ?? '')
        break
      case 'log':
        this.console.add(frame)
        this.preview.answered(frame)
        break
      case 'deployed':
        this.deployed(frame.version, frame.revision, frame.url)
        break
      default: // the iframe's own
    }
  }

  /** What only those may who can change the worker is not offered to others. */
  private role(role: string): void {
    document.body.dataset.role = role
    need('#deploy').hidden = role === 'viewer'
    need('#view-only').hidden = role !== 'viewer'
  }

  /** A draft answers. After a reconnection the server says again what is shown already. */
  private isReady(revision: number): void {
    const again = this.rejoined && revision === this.readyRevision
    this.rejoined = false
    this.readyRevision = revision
    if (!again) this.preview.ready()
    this.stored.ready()
  }

  private fromEditor(frame: ForPage): void {
    if (frame.t === 'status') {
      this.client = { state: frame.state, waiting: frame.waiting, kept: frame.kept ?? true }
      this.revision = frame.revision
      this.deploy.waiting(this.waiting)
      this.drawSaved()
    } else if (frame.t === 'booted') this.cover.booted()
    else if (frame.t === 'key') this.key(frame.name)
    else if (frame.t === 'people') this.people.draw(frame.people, frame.following ?? null)
    else this.notice(frame)
  }

  private lineChanged(state: LineState, why: string): void {
    this.lineOpen = state === 'open'
    this.everOpen ||= this.lineOpen
    this.ended = why
    if (why) toast({ level: 'error', message: 'The connection has ended.', hint: why })
    this.drawSaved()
  }

  private drawSaved(): void {
    this.status.saved({ client: this.client && { ...this.client, waiting: this.client.waiting + this.recovering }, lineOpen: this.lineOpen, everOpen: this.everOpen, ended: this.ended }, this.revision)
  }

  private deployed(version: number, revision: number, url: string): void {
    this.status.live(version, revision)
    this.deploy.live(version, url)
    this.stored.ready()
  }

  private key(name: string): void {
    if (name === 'deploy' && document.body.dataset.role === 'viewer') return
    if (name === 'deploy') this.deploy.press()
    else if (name === 'next-region' || name === 'previous-region') this.panes.nextRegion(name === 'next-region' ? 1 : -1)
    else if (name === 'preview') this.panes.show('preview', true), this.preview.focus()
    else if (name === 'editor') this.panes.focusEditor()
    else this.panes.byNumber(Number(/^tab-(\d)$/.exec(name)?.[1] ?? 0))
  }
}

startTheme()
startMenus()
startSplit()
const data = pageData<EditData>()
const page = new EditPage(data)
page.start()
const actions = new WorkerActions(new Api(data.apiBase, data.csrfToken), { reserved: data.reserved ?? [], taken: data.names ?? [] }, data.suffix ?? `.${new URL(data.liveUrl).host.split('.').slice(1).join('.')}`)
startWorkerMenu(actions, data.name, Boolean(data.live))
