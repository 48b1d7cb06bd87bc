import { Injectable } from '@nestjs/common';
import { In, MoreThan } from 'typeorm';
import type { ExportPage } from '../../common/personal-data.js';
import { Database } from '../../database/database.js';
import { exportPageOf } from '../../database/keyset.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { OneTimeTokenRow, type OneTimeTokenKind } from './one-time-token.entity.js';

/** Every question that the product asks about one-time tokens. */
@Injectable()
export class OneTimeTokensRepository {
  constructor(private readonly database: Database) {}

  /** Takes the place of the one that the user has of this kind. */
  async put(row: Omit<OneTimeTokenRow, 'created_at'>): Promise<void> {
    const { id, tenant_id, user_id, kind, token_hash, email, expires_at } = row;
    await this.database.run((manager) =>
      manager.query(
        `INSERT INTO one_time_tokens (id, tenant_id, user_id, kind, token_hash, email, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT ON CONSTRAINT one_time_tokens_newest_only DO UPDATE
           SET id = excluded.id, token_hash = excluded.token_hash, email = excluded.email,
               created_at = now(), expires_at = excluded.expires_at`,
        [id, tenant_id, user_id, kind, token_hash, email, expires_at],
      ),
    );
  }

  find(kinds: readonly OneTimeTokenKind[], token_hash: Buffer): Promise<OneTimeTokenRow | null> {
    return this.database.run((manager) =>
      manager.findOneBy(OneTimeTokenRow, { token_hash, kind: In(kinds), expires_at: MoreThan(new Date()) }),
    );
  }

  /** Of two that take the same one, one gets it. */
  async take(token_hash: Buffer): Promise<boolean> {
    const { affected } = await this.database.run((manager) =>
      manager.delete(OneTimeTokenRow, { token_hash, expires_at: MoreThan(new Date()) }),
    );
    return affected === 1;
  }

  /** @param kinds - all when left out. */
  async delete(user_id: string, kinds?: readonly OneTimeTokenKind[]): Promise<void> {
    await this.database.run((manager) =>
      manager.delete(OneTimeTokenRow, { user_id, ...(kinds && { kind: In(kinds) }) }),
    );
  }

  page(user_id: string, page: ExportPage): Promise<OneTimeTokenRow[]> {
    return this.database.run((manager) =>
      exportPageOf(
        manager.createQueryBuilder(OneTimeTokenRow, 'token').where('token.user_id = :user_id', { user_id }),
        page,
      ),
    );
  }

  @DeletesExpired('one-time tokens')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'one_time_tokens' });
  }
}
