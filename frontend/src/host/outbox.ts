/**
 * The outbox on this machine's disk: what editors have not had acknowledged, in the page's own IndexedDB, by user, worker and
 * client. While a page lives it holds a Web Lock on its client's name; a record without such a lock was left by a tab that is
 * gone, and may be taken up. Another account's records are never read. Where the browser refuses storage or locks, nothing is
 * kept and `put` says so: leaving then asks.
 */

import type { Stored } from '../sync/restore'
import type { StoreToHost } from '../wire/messages'

const DATABASE = 'quickedit'
const TABLE = 'outbox'

export interface Owner {
  user: number
  worker: number
}

interface Row extends Owner {
  client: string
  at: number
  record: Stored
}

export class OutboxStore {
  private readonly texts = new Map<string, Map<string, string>>()
  /** The clients of this page by name: settles with what lets the lock go, or null where there is none to be had. */
  private readonly locked = new Map<string, Promise<(() => void) | null>>()
  private readonly asked = new Set<string>()
  private opening: Promise<IDBDatabase> | null = null

  constructor(private readonly owner: Owner) {}

  /** Writes what an editor of this page hands over; false where it is not on disk. */
  async put({ t: _t, n: _n, bases, ...rest }: StoreToHost): Promise<boolean> {
    const known = this.texts.get(rest.client)
    const whole = bases.map((base) => ({ ...base, text: base.text ?? known?.get(base.id) }))
    if (!whole.every(hasText)) return false // its text was never here: the next record brings it
    try {
      if (!(await this.hold(rest.client))) return false
      await this.write({ ...this.owner, client: rest.client, at: Date.now(), record: { ...rest, bases: whole } })
    } catch (error) {
      console.warn('outbox', error)
      this.texts.delete(rest.client)
      return false
    }
    this.texts.set(rest.client, new Map(whole.map((base) => [base.id, base.text])))
    return true
  }

  async forget(client: string): Promise<void> {
    this.texts.delete(client)
    const { user, worker } = this.owner
    await this.run('readwrite', (table) => table.delete([user, worker, client])).catch((error: unknown) => console.warn('outbox', error))
  }

  /**
   * Calls `adopt` with each record of this user and worker whose tab is gone, now or as soon as it goes; the record is
   * deleted when `adopt` says that it has been dealt with. Two pages never get the same one. May be called again and again.
   */
  async orphans(adopt: (record: Stored) => Promise<boolean>): Promise<void> {
    if (!navigator.locks) return
    for (const client of await this.clients().catch(() => [])) {
      if (this.locked.has(client) || this.asked.has(client)) continue
      this.asked.add(client)
      void navigator.locks
        .request(this.lockName(client), async () => {
          const row = await this.read(client)
          if (row && (await adopt(row.record))) await this.forget(client)
        })
        .catch((error: unknown) => console.warn('outbox', error))
        .finally(() => this.asked.delete(client))
    }
  }

  /** The iframe was loaded anew: what its client had is an orphan like another tab's. */
  async abandon(): Promise<void> {
    const held = [...this.locked.values()]
    this.locked.clear()
    for (const each of held) (await each)?.()
  }

  /** Holds the lock of a client of this page, for as long as the page lives. */
  private hold(client: string): Promise<(() => void) | null> {
    let held = this.locked.get(client)
    if (held) return held
    held = new Promise((resolve) => {
      if (!navigator.locks) return resolve(null)
      navigator.locks.request(this.lockName(client), () => new Promise<void>((release) => resolve(release))).catch(() => resolve(null))
    })
    this.locked.set(client, held)
    return held
  }

  private lockName(client: string): string {
    return `quickedit:outbox:${this.owner.user}:${this.owner.worker}:${client}`
  }

  private async clients(): Promise<string[]> {
    const { user, worker } = this.owner
    const keys = await this.run('readonly', (table) => table.getAllKeys(IDBKeyRange.bound([user, worker], [user, worker, []])))
    return keys.map((key) => (key as [number, number, string])[2])
  }

  private read(client: string): Promise<Row | undefined> {
    const { user, worker } = this.owner
    return this.run('readonly', (table) => table.get([user, worker, client]) as IDBRequest<Row | undefined>)
  }

  private async write(row: Row): Promise<void> {
    await this.run('readwrite', (table) => table.put(row))
  }

  /** One transaction with one request; settles when it is on disk (`durability: strict` waits for the disk itself). */
  private async run<T>(mode: IDBTransactionMode, act: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await this.open()
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(TABLE, mode, { durability: 'strict' })
      const request = act(transaction.objectStore(TABLE))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error('The browser did not store it.'))
    })
  }

  private open(): Promise<IDBDatabase> {
    this.opening ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(DATABASE, 1)
      request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: ['user', 'worker', 'client'] })
      request.onerror = request.onblocked = () => reject(request.error ?? new Error('The browser’s storage is blocked.'))
      request.onsuccess = () => {
        request.result.onclose = () => (this.opening = null)
        resolve(request.result)
      }
    })
    // Asked again next time: storage may be allowed by then.
    this.opening.catch(() => (this.opening = null))
    return this.opening
  }
}

const hasText = <T extends { text: string | undefined }>(base: T): base is T & { text: string } => base.text !== undefined
