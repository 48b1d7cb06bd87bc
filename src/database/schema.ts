import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Probe } from '../common/probes.js';
import { UnavailableError } from '../common/service-error.js';
import { InvalidSettingsError } from '../config/read-settings.js';
import { Settings } from '../config/settings.js';
import { loadMigrations } from './data-source.js';
import { Database } from './database.js';

class MigrationsMissingError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The database is older than the code: run `npm run migrate`';
}

class TablesBarredError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The role of POSTGRES_URL may not use all tables: run `npm run migrate`';
}

/** An error, so that the connection is let go: the next one may lead to the server that took its place. */
const WRITABLE = `
  DO $$ BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
      RAISE 'This server takes nothing: it is the replica of another one' USING ERRCODE = 'read_only_sql_transaction';
    END IF;
  END $$`;

/** Catalogues alone, which PostgreSQL has at hand: it may be asked every second. */
const BARRED = `
  SELECT EXISTS (
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
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /** @throws {InvalidSettingsError} in production, when row-level security does not bind the role of POSTGRES_URL. */
  async onApplicationBootstrap(): Promise<void> {
    const [role] = await this.database.call<{ unbound: boolean }>(
      'SELECT rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = current_user',
    );
    if (!role?.unbound) return;
    const mistake = 'POSTGRES_URL must name a role that is neither superuser nor BYPASSRLS: it would see every tenant';
    if (this.settings.NODE_ENV === 'production') throw new InvalidSettingsError([mistake]);
    this.logger.warn(mistake);
  }

  /**
   * By the connections that requests have: a process in which they wait too long for one is not ready either.
   * @throws {UnavailableError} away, not migrated, a replica by now, or with tables that this role may not use. A database
   *   that is newer than the code is fine.
   */
  @Probe({ name: 'postgres', critical: true })
  async probe(): Promise<void> {
    if (!this.migrated) await this.seeMigrations();
    await this.database.call(WRITABLE);
    const tables = this.source.entityMetadatas.map(({ tableName }) => tableName);
    const [found] = await this.database.call<{ barred: boolean }>(BARRED, [tables]);
    if (found?.barred) throw new TablesBarredError();
  }

  private async seeMigrations(): Promise<void> {
    const [found] = await this.database.call<{ applied: string[] | null }>(
      `SELECT CASE WHEN to_regclass('migrations') IS NULL THEN NULL ELSE (SELECT array_agg(name) FROM migrations) END AS applied`,
    );
    const known = (await loadMigrations()).map(({ name }) => name);
    this.migrated = known.every((name) => found?.applied?.includes(name));
    if (!this.migrated) throw new MigrationsMissingError();
  }
}
