/**
 * The bytes of binary files, by digest: fetched once where something shows them, uploaded before the operation that names
 * them (rule D2). Through the host page, which has the cookie.
 */
import { fromBase64 } from '../wire/base64'
import type { Link } from './link'

/** Bytes kept here, the newest; images are looked at one after the other. */
const KEPT = 8 * 1024 * 1024

export class Contents {
  private readonly known = new Map<string, Uint8Array<ArrayBuffer>>()

  constructor(private readonly link: Link, private readonly worker: () => string) {}

  /** Raises Error with a sentence for a person. */
  async get(digest: string): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.known.get(digest)
    if (known) return known
    const { status, text } = await this.link.bytes(this.path(digest))
    if (status !== 200) throw new Error(status === 0 ? 'The server cannot be reached for this file’s content.' : `The server answered ${status} for this file’s content.`)
    return this.keep(digest, fromBase64(text))
  }

  /** Uploads content; its digest. Raises Error with a sentence for a person. */
  async put(content: Uint8Array): Promise<string> {
    const copy = new Uint8Array(content)
    const hash = await crypto.subtle.digest('SHA-256', copy)
    const digest = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    const { status } = await this.link.bytes(this.path(digest), { put: copy })
    if (status === 0) throw new Error('A binary file needs the connection to the server. Try again when it is back.')
    if (status === 413) throw new Error('This file is over the limit of 1 MiB.')
    if (status < 200 || status >= 300) throw new Error(`The server answered ${status} to this file’s content.`)
    this.keep(digest, copy)
    return digest
  }

  private keep(digest: string, content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.known.set(digest, content)
    let size = 0
    for (const each of this.known.values()) size += each.length
    for (const [oldest, each] of this.known) {
      if (size <= KEPT || oldest === digest) break
      this.known.delete(oldest)
      size -= each.length
    }
    return content
  }

  private path(digest: string): string {
    return `/api/v1/workers/${this.worker()}/blobs/${digest}`
  }
}

/** The text of content that is text: UTF-8 without NUL (rule D2); null for anything else. */
export function asText(content: Uint8Array): string | null {
  if (content.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    return null
  }
}
