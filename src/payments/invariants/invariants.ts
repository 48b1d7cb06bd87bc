import { Injectable, Logger } from '@nestjs/common';
import { INVARIANTS, InvariantsRepository, type InvariantName } from './invariants.repository.js';

/** What was found to be broken. */
export interface Violation {
  readonly invariant: InvariantName;
  /** Of payments, transactions or keys. */
  readonly ids: readonly string[];
}

/** Checks the books: now and then by itself, and by `npm run payments:check`. */
@Injectable()
export class Invariants {
  private readonly logger = new Logger(Invariants.name);

  constructor(private readonly repository: InvariantsRepository) {}

  /**
   * @param since - only what was touched since then, which scales: what is done hourly. Left out: everything that there
   *   is, by scans of whole tables (`npm run payments:check`).
   * @returns what is broken; nothing, as long as all is well.
   */
  async check(since: Date | null = null): Promise<Violation[]> {
    const violations: Violation[] = [];
    for (const invariant of Object.keys(INVARIANTS) as InvariantName[]) {
      const ids = await this.repository.broken(invariant, since);
      if (ids.length === 0) continue;
      violations.push({ invariant, ids });
      this.logger.error({ msg: `Broken: ${invariant}`, ids: ids.slice(0, 10) });
    }
    return violations;
  }
}
