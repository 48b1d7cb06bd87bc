import { DataSource, type QueryRunner } from 'typeorm';
import { Timings } from '../config/timings.js';
import { dataSourceOptions, loadEntities, loadMigrations } from './data-source.js';

export interface MigrationReport {
  /** Names of the migrations that were applied just now. */
  readonly applied: readonly string[];
  /** Statements that would make the tables what the entities say: none, when nobody forgot a migration. */
  readonly drift: readonly string[];
}

/** Indexes and checks are the migrations' alone: the entities do not speak of them, which is no difference. */
const isDrift = (statement: string): boolean => !/^DROP INDEX|DROP CONSTRAINT/.test(statement);

/** Any number, as long as nobody else takes the same one. */
const LOCK = 7_701_234;

/**
 * Brings the database up to the code, as the role that owns the tables, and grants the app's role what it needs. Safe to
 * run from many places at once: one migrates, the others wait and find nothing to do.
 */
export async function migrate({ ownerUrl, appUrl }: { ownerUrl: string; appUrl: string }): Promise<MigrationReport> {
  const source = new DataSource({
    ...dataSourceOptions(ownerUrl, new Timings({ statement_ms: 0, pool_wait_ms: 10_000 })),
    entities: await loadEntities(),
    migrations: await loadMigrations(),
  });
  await source.initialize();
  const runner = source.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const applied = await source.runMigrations({ transaction: 'each' });
    await grant(runner, decodeURIComponent(new URL(ownerUrl).username), decodeURIComponent(new URL(appUrl).username));
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    return { applied: applied.map(({ name }) => name), drift: upQueries.map(({ query }) => query).filter(isDrift) };
  } finally {
    await runner.release();
    // Closing the connection lets go of the lock, whatever happened.
    await source.destroy();
  }
}

/** What the app may do: everything with rows, except to change what is append-only; nothing with the tables themselves. */
async function grant(runner: QueryRunner, owner: string, app: string): Promise<void> {
  if (app === owner || app === '') return;
  const role = `"${app.replaceAll('"', '""')}"`;
  const own = await owned(runner);
  await runner.query(`
    GRANT USAGE ON SCHEMA public, simulator TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ${own.tables} TO ${role};
    GRANT EXECUTE ON FUNCTION ${own.functions} TO ${role};
    REVOKE INSERT, UPDATE, DELETE ON migrations FROM ${role};
    REVOKE UPDATE, DELETE ON ${own.append_only} FROM ${role};`);
}

/** Names of what is the owner's, as lists. Others may have something in `public` too, as extensions do: nobody but they may grant it. */
async function owned(runner: QueryRunner): Promise<Record<'tables' | 'functions' | 'append_only', string>> {
  const OURS = `IN ('public'::regnamespace, 'simulator'::regnamespace) AND pg_has_role`;
  const [names] = (await runner.query(`
    SELECT
      (SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
       WHERE c.relnamespace ${OURS}(c.relowner, 'USAGE') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) AS tables,
      (SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p
       WHERE p.pronamespace ${OURS}(p.proowner, 'USAGE') AND p.prokind <> 'p') AS functions,
      (SELECT string_agg(DISTINCT t.tgrelid::regclass::text, ', ') FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
       WHERE p.proname = 'refuse_change') AS append_only`)) as Record<'tables' | 'functions' | 'append_only', string>[];
  return names!;
}
