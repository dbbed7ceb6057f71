/**
 * The page's one way to the HTTP API: session cookie, CSRF header, one shape of errors. Never used with another origin.
 */

/** A refusal or a failure, in words for a person. `status` is 0 where the server was not reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint = '',
  ) {
    super(message)
  }

  /** The message and the next step as one sentence or two. */
  get said(): string {
    return this.hint ? `${this.message} ${this.hint}` : this.message
  }
}

export interface PageData {
  apiBase: string
  csrfToken: string
  theme?: string
  name?: string
  names?: string[]
  suffix?: string
  reserved?: string[]
}

/** What the server wrote into the page for its script. */
export function pageData<T extends PageData>(): T {
  const element = document.getElementById('page-data')
  return JSON.parse(element?.textContent || '{"apiBase":"/api/v1","csrfToken":""}') as T
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const TIMEOUT_MS = 60_000

export class Api {
  constructor(
    readonly base: string,
    private readonly csrf: string,
  ) {}

  /** Calls a path below the base with a JSON body. Raises ApiError for anything but 2xx. */
  async call<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const response = await this.raw(method, this.base + path, body === undefined ? null : JSON.stringify(body), 'application/json')
    const text = await response.text()
    if (!response.ok) throw failure(response.status, text)
    return (text ? JSON.parse(text) : {}) as T
  }

  /** One request to this origin, the body as it is. Raises ApiError only where the server is not reached. */
  async raw(method: Method, path: string, body: string | Uint8Array<ArrayBuffer> | null, type: string): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (method !== 'GET') headers['X-CSRFToken'] = this.csrf
    if (body !== null) headers['Content-Type'] = type
    try {
      return await fetch(path, { method, headers, body, credentials: 'same-origin', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
    } catch (error) {
      const late = error instanceof DOMException && error.name === 'TimeoutError'
      throw late
        ? new ApiError(0, 'timeout', 'The server did not answer within a minute.', 'Try again.')
        : new ApiError(0, 'unreachable', 'The server cannot be reached.', 'Check that Quick Edit is running, then try again.')
    }
  }
}

/** The API's error object, or a plain sentence where the answer is not one. */
export function failure(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint?: string } }
    if (typeof error.message === 'string') return new ApiError(status, String(error.code), error.message, error.hint ?? '')
  } catch {
    // not the API's own answer: a proxy's page, or Django's
  }
  if (status === 401 || status === 403) return new ApiError(status, 'forbidden', 'You are no longer signed in.', 'Reload the page to sign in again.')
  return new ApiError(status, 'unexpected', `The server answered ${status}.`, 'Try again; its log has the details.')
}

/** The sentence to show for any thrown thing. */
export function said(error: unknown): string {
  return error instanceof ApiError ? error.said : error instanceof Error ? error.message : String(error)
}
