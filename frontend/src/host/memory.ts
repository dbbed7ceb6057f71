/**
 * What a reload must not lose: the chosen tab, the path, a filter, what was typed in HTTP. Kept by the browser, per worker; where
 * storage is refused, nothing is kept and nothing fails.
 */

export class Memory {
  constructor(private readonly scope: string) {}

  /** The value kept under a name in this tab, or the fallback where there is none of the same type. */
  get<T extends string | boolean>(name: string, fallback: T): T {
    try {
      const kept: unknown = JSON.parse(sessionStorage.getItem(`${this.scope}:${name}`) ?? 'null')
      return typeof kept === typeof fallback ? (kept as T) : fallback
    } catch {
      return fallback
    }
  }

  set(name: string, value: string | boolean): void {
    try {
      sessionStorage.setItem(`${this.scope}:${name}`, JSON.stringify(value))
    } catch {
      // storage is full or refused: the choice holds until the page goes
    }
  }
}
