import { Injectable } from '@nestjs/common';
import type { Keyset, KeysetQuery } from '../common/pagination.js';
import type { ExportPage } from '../common/personal-data.js';
import { idsWithin } from '../common/uuid.js';
import { Database } from '../database/database.js';
import { keysetOf } from '../database/keyset.js';
import { AuditEvent } from './audit-event.entity.js';

export interface AuditFilters {
  readonly tenant_id: string;
  readonly actor_id?: string | undefined;
  readonly subject_id?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** Every question about the trail. Joins the caller's transaction and scope. */
@Injectable()
export class AuditRepository {
  constructor(private readonly database: Database) {}

  async insert(event: AuditEvent): Promise<void> {
    await this.database.run((manager) => manager.insert(AuditEvent, event));
  }

  /** One tenant's. A span of time is looked for by ids, so that the way to what is old does not lead through all that is new. */
  list(filters: AuditFilters, query: KeysetQuery): Promise<Keyset<AuditEvent>> {
    const { since, until, ...exact } = filters;
    return this.database.run((manager) => {
      const found = manager.createQueryBuilder(AuditEvent, 'event');
      for (const [name, value] of Object.entries(exact)) {
        if (value !== undefined) found.andWhere(`event.${name} = :${name}`, { [name]: value });
      }
      const { first_id, last_id } = idsWithin({ since, until });
      if (since) found.andWhere('event.at >= :since AND event.id >= :first_id', { since, first_id });
      if (until) found.andWhere('event.at < :until AND event.id < :last_id', { until, last_id });
      return keysetOf(found, query);
    });
  }

  /** What somebody did, or had done to the account, in the order of ids. */
  page(user_id: string, { after, limit }: ExportPage): Promise<AuditEvent[]> {
    return this.database.run((manager) =>
      manager.query<AuditEvent[]>(
        `(${concerning('actor_id')}) UNION (${concerning('subject_id')}) ORDER BY id LIMIT $3`,
        [user_id, after, limit],
      ),
    );
  }
}

/** Of each tenant that the scope shows, so that the indexes that begin with it serve. */
const concerning = (column: 'actor_id' | 'subject_id'): string =>
  `SELECT event.* FROM tenants CROSS JOIN LATERAL (
     SELECT * FROM audit_events WHERE tenant_id = tenants.id AND ${column} = $1 AND ($2::uuid IS NULL OR id > $2)
     ORDER BY id LIMIT $3
   ) AS event`;
