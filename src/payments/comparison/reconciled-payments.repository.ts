import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { firstIdAt } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import type { GatewayConfig } from '../gateways/payment.gateway.js';
import { Payment } from '../payment.entity.js';

/** Which payments are compared with the provider's. As system. */
@Injectable()
export class ReconciledPaymentsRepository {
  constructor(private readonly database: Database) {}

  find(id: string): Promise<Payment | null> {
    return this.database.run((manager) => manager.findOneBy(Payment, { id }));
  }

  /** By the provider's ids. What only their payers may see of them stays sealed. */
  ofProvider(provider: string, provider_payment_ids: readonly string[]): Promise<Payment[]> {
    return this.database.run((manager) =>
      manager.findBy(Payment, {
        provider: provider as Payment['provider'],
        provider_payment_id: In(provider_payment_ids),
      }),
    );
  }

  /** Ids of what was made since then and given to the provider: a page, in the order of time. */
  async sentSince(
    { provider, livemode }: GatewayConfig,
    since: Date,
    after: string | null,
    limit: number,
  ): Promise<string[]> {
    const rows = await this.database.run((manager) =>
      manager.query<{ id: string }[]>(
        `SELECT id FROM payments
         WHERE id > $1 AND provider = $2 AND livemode = $3 AND provider_payment_id IS NOT NULL ORDER BY id LIMIT $4`,
        [after ?? firstIdAt(since.getTime()), provider, livemode, limit],
      ),
    );
    return rows.map(({ id }) => id);
  }
}
