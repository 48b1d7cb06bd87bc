import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Probe } from '../common/probes.js';
import { UnavailableError } from '../common/service-error.js';
import { InvalidSettingsError } from '../config/read-settings.js';
import { Settings } from '../config/settings.js';
import { ProbeConnection } from './apart/probe-connection.js';
import { loadMigrations } from './data-source.js';
import { Database } from './database.js';

class MigrationsMissingError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The database is older than the code: run `npm run migrate`';
}

class ReadOnlyError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The database takes nothing: it is the replica of another one';
}

/** Whether the database is what the code expects: reachable, migrated, and binding this role by row-level security. */
@Injectable()
export class Schema implements OnApplicationBootstrap {
  private readonly logger = new Logger(Schema.name);
  private migrated = false;

  constructor(
    private readonly database: Database,
    private readonly probing: ProbeConnection,
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

  /** @throws {UnavailableError} away, not migrated, or a replica by now. A database that is newer than the code is fine. */
  @Probe({ name: 'postgres', critical: true })
  async probe(): Promise<void> {
    if (!this.migrated) await this.seeMigrations();
    await this.probing.ask(async (source) => {
      const [{ read_only }] = await source.query<[{ read_only: string }]>(
        `SELECT current_setting('transaction_read_only') AS read_only`,
      );
      if (read_only === 'on') throw new ReadOnlyError();
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
