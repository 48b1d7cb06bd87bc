import { Injectable } from '@nestjs/common';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import { kindOfReview } from '../reconciliation/review-kinds.js';
import { AlertsRepository, WATCHES } from './alerts.repository.js';

/** More of one kind at once are told of bit by bit. */
const MOST = 1_000;

/** Says what is about to run out while something can still be done about it, and what waits for a person. */
@Injectable()
export class Alerts {
  constructor(
    private readonly rows: AlertsRepository,
    private readonly discrepancies: Discrepancies,
  ) {}

  async round(): Promise<void> {
    for (const watch of WATCHES) {
      const { kind, object_type } = watch;
      const found = await this.rows.find(watch, MOST);
      for (const { expected, seen, ...object } of found) {
        await this.discrepancies.report({ object_type, ...object }, { kind, expected, seen });
      }
      const still = found.map(({ object_id }) => object_id);
      if (found.length < MOST) await this.discrepancies.keepOnly(kind, object_type, still);
    }
    // What becomes of these is found out by asking the provider, in the next comparison.
    for (const { review_reason, expected, seen, ...object } of await this.rows.setAside(MOST)) {
      await this.discrepancies.note(object, { kind: kindOfReview(review_reason), expected, seen });
    }
  }
}
