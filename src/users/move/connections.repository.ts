import { Injectable } from '@nestjs/common';
import { APPLICATION } from '../../database/data-source.js';
import { Database } from '../../database/database.js';

/** Who of us is connected to PostgreSQL: processes of the service, and commands. */
@Injectable()
export class ConnectionsRepository {
  constructor(
    private readonly database: Database,
    /** What the caller's own sessions are called. */
    private readonly name: string,
  ) {}

  /** How many sessions there are that are not the caller's. */
  async others(): Promise<number> {
    const [{ count }] = (await this.database.call<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity
       WHERE datname = current_database() AND starts_with(application_name, $1) AND application_name <> $2`,
      [APPLICATION, this.name],
    )) as [{ count: number }];
    return count;
  }
}
