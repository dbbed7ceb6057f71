/**
 * The entry of every page but the editor: the list of workers, deployments, settings, signing in, and the pages of faults.
 */

import './styles/tokens.css'
import './styles/base.css'
import './styles/components.css'
import './styles/pages.css'
import './styles/panes.css'
import './styles/phone.css'

import { fetchAhead } from './ahead'
import { Api, pageData, type PageData } from './api'
import { startDashboard } from './dashboard'
import { startDeployments } from './deployments'
import { startMenus } from './menus'
import { startSettings } from './settings'
import { startTheme } from './theme'
import { startTimes } from './time'
import { WorkerActions } from './worker-actions'
import { startWorkerMenu } from './worker-menu'

interface Data extends PageData {
  live?: { version: number } | null
  nextVersion?: number
  variables?: Record<string, string>
  /** On the list of workers: the page that has the editor fetched. */
  ahead?: string
}

startTheme()
startMenus()
startTimes()

const page = document.body.dataset.page
if (page) {
  const data = pageData<Data>()
  const api = new Api(data.apiBase, data.csrfToken)
  const rules = { reserved: data.reserved ?? [], taken: data.names ?? [] }
  const actions = new WorkerActions(api, rules, data.suffix ?? '')
  const name = data.name ?? ''
  const live = data.live?.version ?? 0
  if (page === 'workers') startDashboard(api, actions, rules)
  else startWorkerMenu(actions, name, live > 0)
  if (page === 'deployments') startDeployments(api, name, live, data.nextVersion ?? live + 1)
  if (page === 'settings') startSettings(api, actions, name, data.variables ?? {}, rules)
  if (data.ahead) fetchAhead(data.ahead)
}
