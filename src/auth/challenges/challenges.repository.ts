import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { Challenge } from './challenge.entity.js';

export type NewChallenge = Pick<Challenge, 'id' | 'tenant_id' | 'user_id' | 'token_hash' | 'version' | 'expires_at'>;
export type TriedChallenge = Pick<Challenge, 'id' | 'tenant_id' | 'user_id' | 'version' | 'tries'>;

/** Every question about logins that wait for a code. They come before anybody is known: all but erasure run as system. */
@Injectable()
export class ChallengesRepository {
  constructor(private readonly database: Database) {}

  /** @returns false when the tenant is closed: then there is none. */
  async insert({ id, tenant_id, user_id, token_hash, version, expires_at }: NewChallenge): Promise<boolean> {
    const rows = await this.database.run((manager) =>
      manager.query<unknown[]>(
        `INSERT INTO mfa_challenges (id, tenant_id, user_id, token_hash, version, expires_at)
         SELECT $1, id, $3, $4, $5, $6 FROM tenants WHERE id = $2 AND status = 'active'
         RETURNING id`,
        [id, tenant_id, user_id, token_hash, version, expires_at],
      ),
    );
    return rows.length === 1;
  }

  /** Counts one try more, and says which it is: of many at once each gets a number of its own. */
  async countTry(token_hash: string): Promise<TriedChallenge | null> {
    const [[challenge]] = await this.database.run((manager) =>
      manager.query<[TriedChallenge[], number]>(
        `UPDATE mfa_challenges SET tries = tries + 1 WHERE token_hash = $1 AND expires_at > now()
         RETURNING id, tenant_id, user_id, version, tries`,
        [token_hash],
      ),
    );
    return challenge ?? null;
  }

  /** Whether it is there still; nobody else ends it before the caller's transaction does. */
  async hold(id: string): Promise<boolean> {
    const held = await this.database.run((manager) =>
      manager.findOne(Challenge, { select: { id: true }, where: { id }, lock: { mode: 'pessimistic_write' } }),
    );
    return held !== null;
  }

  async delete(only: { id: string } | { user_id: string }): Promise<void> {
    await this.database.run((manager) => manager.delete(Challenge, only));
  }

  @DeletesExpired('challenges')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'mfa_challenges' });
  }
}
