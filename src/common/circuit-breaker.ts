/** Spares somebody who keeps failing: for a while nobody asks, then one may try, and the rest waits for what comes of it. */
export class CircuitBreaker {
  private failures = 0;
  private closes_at = 0;
  private trying = false;

  /**
   * @param limit - so many failures one after the other break it.
   * @param pause_ms - for so long.
   * @param isFailure - whether an error tells of somebody who cannot answer; a no is an answer.
   * @param refusal - what is thrown in place of the work.
   */
  constructor(
    private readonly limit: number,
    private readonly pause_ms: number,
    private readonly isFailure: (error: unknown) => boolean,
    private readonly refusal: () => Error,
  ) {}

  /** @throws whatever `refusal` makes, while it is broken and nobody may try: for whoever would have to queue first. */
  assertMayAsk(): void {
    if (this.isBroken() && (this.trying || Date.now() < this.closes_at)) throw this.refusal();
  }

  /** @throws whatever `refusal` makes, while it is broken; `work` has not begun then. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.assertMayAsk();
    const broken = this.isBroken();
    if (broken) this.trying = true;
    try {
      const result = await work();
      this.failures = 0;
      return result;
    } catch (error) {
      this.count(error);
      throw error;
    } finally {
      if (broken) this.trying = false;
    }
  }

  private isBroken(): boolean {
    return this.failures >= this.limit;
  }

  private count(error: unknown): void {
    this.failures = this.isFailure(error) ? this.failures + 1 : 0;
    if (this.isBroken()) this.closes_at = Date.now() + this.pause_ms;
  }
}
