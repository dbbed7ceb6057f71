/**
 * Which connection a frame of the iframe is for. The iframe hears of connections through its port, and a busy one hears late:
 * what it still says to an old connection would be the first frame of the new one, and the server ends a conversation that
 * does not begin with `hello`. Every connection that the iframe is told of it answers with one `hello`.
 */
export class Greeting {
  private unanswered = 0

  /** The iframe was told of an open connection. */
  told(): void {
    this.unanswered++
  }

  /** The iframe is loaded anew: what it was told is forgotten. */
  forget(): void {
    this.unanswered = 0
  }

  /** Whether a frame of this kind is for the connection that was told last. */
  passes(kind: string): boolean {
    if (kind === 'hello') this.unanswered--
    return this.unanswered === 0
  }
}
