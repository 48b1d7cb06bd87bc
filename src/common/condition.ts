import type { Logger } from '@nestjs/common';

/** What an error is, without its message: that may hold an address or somebody's words. */
export function errorLabel(error: unknown): string {
  const { name = 'Error', code } = error as { name?: string; code?: string | number };
  return code !== undefined && /^[\w-]{1,40}$/.test(`${code}`) ? `${name} ${code}` : name;
}

/** Logs when something stops working and when it works again, and nothing in between. */
export class Condition {
  private failing = false;

  constructor(
    private readonly logger: Logger,
    private readonly subject: string,
  ) {}

  fails(error: unknown): void {
    if (!this.failing) this.logger.warn(`${this.subject} fails: ${errorLabel(error)}`);
    this.failing = true;
  }

  works(): void {
    if (this.failing) this.logger.log(`${this.subject} works again`);
    this.failing = false;
  }
}
