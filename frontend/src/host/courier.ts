/**
 * Fetches and uploads on behalf of the iframe, which has no cookie. A hole in the iframe must not become a session: only what the
 * sync client needs of this one worker passes, by an exact list.
 */

import { fromBase64, toBase64 } from '../wire/base64'
import type { FetchToHost } from '../wire/messages'
import type { Api } from './api'

const READ = /^(snapshot(\?revision=\d{1,16})?|blobs\/[0-9a-f]{64}|versions\/\d{1,9}\/files|history(\?[\w=&-]{0,200}|\/live|\/\d{1,16}(\/files\/[\w-]{1,64})?)?)$/
const WRITE = { PUT: /^blobs\/[0-9a-f]{64}$/, POST: /^(restore|archive(\?folder=[^&#]{1,1024})?)$/ }

export type Ask = Pick<FetchToHost, 'path' | 'put' | 'post' | 'base64'>

/** True where the iframe may do this with this path of this worker. */
export function mayCarry(path: string, worker: string, method: 'GET' | 'PUT' | 'POST'): boolean {
  const prefix = `/api/v1/workers/${worker}/`
  return path.startsWith(prefix) && (method === 'GET' ? READ : WRITE[method]).test(path.slice(prefix.length))
}

/** Carries one request out; `status` 0 is a network that failed, 403 a path that is not the iframe's to ask for. */
export async function carry(api: Api, worker: string, { path, put, post, base64 }: Ask): Promise<{ status: number; text: string }> {
  const method = typeof put === 'string' ? 'PUT' : typeof post === 'string' ? 'POST' : 'GET'
  if (!mayCarry(path, worker, method)) return { status: 403, text: '' }
  try {
    const sent = put ?? post ?? null
    const body = sent !== null && base64 ? fromBase64(sent) : sent
    const response = await api.raw(method, path, body, base64 || method === 'PUT' ? 'application/octet-stream' : 'application/json')
    const text = base64 && method === 'GET' ? toBase64(new Uint8Array(await response.arrayBuffer())) : await response.text()
    return { status: response.status, text }
  } catch {
    return { status: 0, text: '' }
  }
}
