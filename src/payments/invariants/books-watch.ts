import { Injectable } from '@nestjs/common';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import type { OpenItem } from '../reconciliation/reconciliation-items.repository.js';
import { Invariants } from './invariants.js';
import { INVARIANTS, InvariantsRepository, type InvariantName } from './invariants.repository.js';

/** Further back than anything is likely to have gone unnoticed. */
const WINDOW_HOURS = 48;

/** `I4:<id>`: names an object of a rule in few words. */
const objectIdOf = (invariant: InvariantName, id: string): string => `${invariant.split(' ')[0]}:${id}`;

/** Keeps an eye on the books, and writes down where they break a rule until they do not any more. */
@Injectable()
export class BooksWatch {
  constructor(
    private readonly invariants: Invariants,
    private readonly rows: InvariantsRepository,
    private readonly discrepancies: Discrepancies,
  ) {}

  /**
   * Checks what has changed of late. All that there is would be a scan of every table each hour: that is what
   * `npm run payments:check` is for.
   */
  async round(since = new Date(Date.now() - WINDOW_HOURS * 3_600_000)): Promise<void> {
    const broken = new Set<string>();
    for (const { invariant, ids } of await this.invariants.check(since)) {
      for (const { id, tenant_id, payment_id } of await this.rows.place(ids)) {
        const object_id = objectIdOf(invariant, id);
        broken.add(object_id);
        await this.discrepancies.report(
          { tenant_id, object_type: 'ledger', object_id, payment_id, provider_object_id: null },
          { kind: 'ledger_mismatch', expected: { invariant }, seen: null },
        );
      }
    }
    for await (const item of this.discrepancies.open('ledger')) {
      if (!broken.has(item.object_id)) await this.again(item);
    }
  }

  /** It may be right by now, or too long ago to have come by itself. There are few, so each may cost a look at everything. */
  private async again({ object_id, payment_id }: OpenItem): Promise<void> {
    const [word, ...rest] = object_id.split(':');
    const names = Object.keys(INVARIANTS) as InvariantName[];
    const invariant = names.find((name) => name.startsWith(`${word} `));
    const isBroken = invariant !== undefined && (await this.rows.isBroken(invariant, rest.join(':')));
    if (isBroken) return;
    const object = { tenant_id: null, object_type: 'ledger', object_id, payment_id, provider_object_id: null } as const;
    await this.discrepancies.settle(object, ['ledger_mismatch'], []);
  }
}
