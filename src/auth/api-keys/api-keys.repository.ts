import { Injectable } from '@nestjs/common';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { KeyPrincipal, Role, Scope } from '../../common/access.js';
import type { ExportPage } from '../../common/personal-data.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { exportPageOf } from '../../database/keyset.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import type { UserStatus } from '../../users/user.entity.js';
import { ApiKey } from './api-key.entity.js';

type NewApiKey = Omit<ApiKey, 'status' | 'previous_hash' | 'previous_expires_at' | 'last_used_at'>;

/** Every question that the product asks about API keys. Joins the caller's transaction and scope. */
@Injectable()
export class ApiKeysRepository {
  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
  ) {}

  async insert(key: NewApiKey): Promise<void> {
    await this.database.run((manager) => manager.insert(ApiKey, key));
  }

  /** Whose request this is, by one look-up in the database: the key, its owner's rights and tenant as they are now. */
  async findPrincipal(api_key_id: string, key_hash: Buffer): Promise<KeyPrincipal | null> {
    const [row] = await this.database.call<
      Pick<KeyPrincipal, 'tenant_id' | 'role' | 'scopes' | 'requests_per_minute'> & {
        user_id: string;
      }
    >(
      'SELECT user_id, tenant_id, role, scopes, requests_per_minute FROM api_key_principal($1, $2, make_interval(secs => $3))',
      [api_key_id, key_hash, this.timings.last_seen_ms / 1_000],
    );
    if (!row) return null;
    const { user_id, ...rights } = row;
    return { id: user_id, session_id: null, api_key_id, ...rights };
  }

  /** Those that are not over, newest first. */
  list(user_id: string): Promise<ApiKey[]> {
    return this.database.run((manager) => unexpired(manager, user_id).getMany());
  }

  find(user_id: string, id: string): Promise<ApiKey | null> {
    return this.database.run((manager) => unexpired(manager, user_id).andWhere('key.id = :id', { id }).getOne());
  }

  page(user_id: string, page: ExportPage): Promise<ApiKey[]> {
    return this.database.run((manager) =>
      exportPageOf(manager.createQueryBuilder(ApiKey, 'key').where('key.user_id = :user_id', { user_id }), page),
    );
  }

  count(user_id: string): Promise<number> {
    return this.database.run((manager) => unexpired(manager, user_id).getCount());
  }

  /**
   * Puts another key in the place of the current one, which goes on until then; whichever went on before it is over.
   * @returns false when there is no such key.
   */
  async replace(user_id: string, id: string, key_hash: Buffer, overlap_seconds: number): Promise<boolean> {
    const [rows] = await this.database.run((manager) =>
      manager.query<[unknown[], number]>(
        `UPDATE api_keys SET key_hash = $3,
           previous_hash = CASE WHEN $4 > 0 THEN key_hash END,
           previous_expires_at = CASE WHEN $4 > 0 THEN now() + make_interval(secs => $4) END
         WHERE user_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now()) RETURNING id`,
        [user_id, id, key_hash, overlap_seconds],
      ),
    );
    return rows.length === 1;
  }

  async setStatus(user_id: string, status: UserStatus): Promise<void> {
    await this.database.run((manager) => manager.update(ApiKey, { user_id }, { status }));
  }

  /** No key may be good for more than the role: see {@link deleteBeyond}. */
  async setRole(user_id: string, role: Role): Promise<void> {
    await this.database.run((manager) => manager.update(ApiKey, { user_id }, { role }));
  }

  /** @returns whether there was one. */
  async delete(user_id: string, id: string): Promise<boolean> {
    const { affected } = await this.database.run((manager) => manager.delete(ApiKey, { user_id, id }));
    return affected === 1;
  }

  /**
   * Deletes the keys that are good for anything but these scopes.
   * @returns their ids.
   */
  async deleteBeyond(user_id: string, scopes: readonly Scope[]): Promise<string[]> {
    const [rows] = await this.database.run((manager) =>
      manager.query<[{ id: string }[], number]>(
        'DELETE FROM api_keys WHERE user_id = $1 AND NOT scopes <@ $2::text[] RETURNING id',
        [user_id, scopes],
      ),
    );
    return rows.map(({ id }) => id);
  }

  @DeletesExpired('API keys')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'api_keys' });
  }
}

const unexpired = (manager: EntityManager, user_id: string): SelectQueryBuilder<ApiKey> =>
  manager
    .createQueryBuilder(ApiKey, 'key')
    .where('key.user_id = :user_id AND (key.expires_at IS NULL OR key.expires_at > now())', { user_id })
    .orderBy('key.id', 'DESC');
