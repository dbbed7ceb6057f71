/**
 * Parts of the workbench that come after the first paint, each from a script of its own. Where that cannot be had, as the connection has
 * just gone, it is tried again when the connection is back; where it never comes, a person is told.
 */
import type { Link } from './link'

const TRIES = 4
/** Milliseconds between two tries where no connection comes back: what failed may have been the script alone. */
const PAUSE = 5000

/** What is begun at the first call and shared by all; begun anew by the next call where it has failed. */
export function once<T>(begin: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined
  return () => (begun ??= begin().catch((error: unknown) => {
    begun = undefined
    throw error
  }))
}

export class Later {
  private waiting: (() => void)[] = []

  constructor(private readonly link: Link) {
    link.on('connection', ({ open }) => {
      if (open) for (const go of this.waiting.splice(0)) go()
    })
  }

  /** Whether the part is there in the end. */
  async start(part: string, start: () => Promise<void>): Promise<boolean> {
    for (let left = TRIES - 1; ; left--) {
      try {
        await start()
        return true
      } catch (error) {
        if (left === 0) {
          this.unavailable(part, error)
          return false
        }
        await this.nextChance()
      }
    }
  }

  /** Tells a person that a part is not there. */
  unavailable(part: string, error: unknown): void {
    console.error(part, error)
    this.link.send({ t: 'notice', level: 'warning', message: `${part} is not available.`, hint: 'Editing and running work without it. Reload to try again.' })
  }

  private nextChance(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      setTimeout(resolve, PAUSE)
    })
  }
}
