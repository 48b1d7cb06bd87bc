import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Probe } from '../common/probes.js';
import { UnavailableError } from '../common/service-error.js';
import { InvalidSettingsError } from '../config/read-settings.js';
import { Settings } from '../config/settings.js';
import { ProbeConnection } from './apart/probe-connection.js';
import { loadMigrations } from './data-source.js';

class MigrationsMissingError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The database is older than the code: run `npm run migrate`';
}

class ReadOnlyError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The database takes nothing: it is the replica of another one';
}

class TablesBarredError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The role of POSTGRES_URL may not use all tables: run `npm run migrate`';
}

/** Catalogues alone, which PostgreSQL has at hand: it may be asked every second. */
const USABLE = `
  SELECT current_setting('transaction_read_only')::boolean AS read_only, EXISTS (
    SELECT FROM unnest($1::text[]) AS name
    WHERE (has_table_privilege(to_regclass(name), 'SELECT') AND has_table_privilege(to_regclass(name), 'INSERT')) IS NOT TRUE
  ) AS barred`;

/** Whether the database is what the code expects: reachable, migrated, and binding this role by row-level security. */
@Injectable()
export class Schema implements OnApplicationBootstrap {
  private readonly logger = new Logger(Schema.name);
  private migrated = false;

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    private readonly probing: ProbeConnection,
    private readonly settings: Settings,
  ) {}

  /** @throws {InvalidSettingsError} in production, when row-level security does not bind the role of POSTGRES_URL. */
  async onApplicationBootstrap(): Promise<void> {
    // The first health check has no second to spare for connecting.
    const [role] = await this.probing.ask((source) =>
      source.query<[{ unbound: boolean }]>(
        'SELECT rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = current_user',
      ),
    );
    if (!role.unbound) return;
    const mistake = 'POSTGRES_URL must name a role that is neither superuser nor BYPASSRLS: it would see every tenant';
    if (this.settings.NODE_ENV === 'production') throw new InvalidSettingsError([mistake]);
    this.logger.warn(mistake);
  }

  /**
   * @throws {UnavailableError} away, not migrated, a replica by now, or with tables that this role may not use. A database
   *   that is newer than the code is fine.
   */
  @Probe({ name: 'postgres', critical: true })
  async probe(): Promise<void> {
    if (!this.migrated) await this.seeMigrations();
    const tables = this.source.entityMetadatas.map(({ tableName }) => tableName);
    await this.probing.ask(async (source) => {
      const [{ read_only, barred }] = await source.query<[{ read_only: boolean; barred: boolean }]>(USABLE, [tables]);
      if (read_only) throw new ReadOnlyError();
      if (barred) throw new TablesBarredError();
    });
  }

  private async seeMigrations(): Promise<void> {
    const [{ applied }] = await this.probing.ask((source) =>
      source.query<[{ applied: string[] | null }]>(
        `SELECT CASE WHEN to_regclass('migrations') IS NULL THEN NULL ELSE (SELECT array_agg(name) FROM migrations) END AS applied`,
      ),
    );
    const known = (await loadMigrations()).map(({ name }) => name);
    this.migrated = known.every((name) => applied?.includes(name));
    if (!this.migrated) throw new MigrationsMissingError();
  }
}
