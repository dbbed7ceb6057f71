/**
 * How long to wait before the next try: doubling, capped, and never the same for two clients, so that a restarted server is not stormed.
 */

export class Backoff {
  private tries = 0

  /** `random` gives 0 ≤ x < 1, as Math.random does. Times in milliseconds. */
  constructor(
    private readonly base = 250,
    private readonly cap = 5_000,
    private readonly random: () => number = Math.random,
  ) {}

  /** The next wait: between half and all of base × 2ⁿ, at most the cap. */
  next(): number {
    const whole = Math.min(this.cap, this.base * 2 ** this.tries)
    this.tries = Math.min(this.tries + 1, 30)
    return Math.round(whole / 2 + (whole / 2) * this.random())
  }

  /** After a connection that has proved itself. */
  reset(): void {
    this.tries = 0
  }
}
