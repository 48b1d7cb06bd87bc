/** Lets so many run at once; the others queue, for so long at most. */
export class Bulkhead {
  private running = 0;
  private readonly queue: (() => void)[] = [];

  constructor(
    private readonly places: number,
    private readonly wait_ms: number,
    private readonly tooLong: () => Error,
  ) {}

  /** @throws whatever `tooLong` makes, when no place came free in time; `work` has not begun then. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < this.places) this.running += 1;
    else await this.turn();
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  /** The place passes from the one who leaves straight to the first in the queue. */
  private turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(enter), 1);
        reject(this.tooLong());
      }, this.wait_ms);
      this.queue.push(enter);
    });
  }
}
