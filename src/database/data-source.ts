import { readdir } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join, sep } from 'node:path';
import type { MigrationInterface } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import type { Timings } from '../config/timings.js';

type Class = new () => unknown;

/** How the names of all our sessions begin. */
export const APPLICATION = 'omni';

/**
 * The most connections that a process has, by what they are for: all that it does, the simulator of a bank where that takes
 * the money, and what is written beside transactions where users are in MongoDB.
 */
export const POOLS = { work: 10, simulator: 5, side: 4 } as const;

/** How much longer than a statement may take we wait to be told that it took too long. */
const MARGIN_MS = 2_000;
/** After so long the kernel asks whether the other end is still there; by itself it would do so after two hours. */
const KEEP_ALIVE_MS = 10_000;

/** The options that every connection of ours shares. Nothing here changes the schema: migrations do. */
export const dataSourceOptions = (
  url: string,
  timings: Timings,
  applicationName = APPLICATION,
): PostgresDataSourceOptions => ({
  type: 'postgres',
  url,
  applicationName,
  synchronize: false,
  installExtensions: false,
  migrationsTableName: 'migrations',
  logging: false,
  poolSize: POOLS.work,
  poolErrorHandler: () => undefined,
  connectTimeoutMS: timings.pool_wait_ms,
  extra: {
    statement_timeout: timings.statement_ms,
    idle_in_transaction_session_timeout: timings.statement_ms,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    stream: () => socket(timings.statement_ms),
  },
});

/**
 * A server that vanished, or a wire, tells nobody, and the kernel goes on for a quarter of an hour to send what is not
 * acknowledged. A server that is there ends a statement after its time, and a transaction that sleeps: one that is silent
 * for longer is gone. Not `query_timeout` of the driver, which leaves the connection busy and in the pool.
 */
function socket(statement_ms: number): Socket {
  const connection = new Socket();
  // A statement that may take any time is any time silent.
  if (statement_ms === 0) return connection;
  const silent = Object.assign(new Error('PostgreSQL has said nothing for too long'), { code: 'ETIMEDOUT' });
  return connection.setTimeout(statement_ms + MARGIN_MS, () => connection.destroy(silent));
}

const SOURCE = /(?<!\.d)\.(js|ts)$/;

/** The migrations, oldest first. Reading the folder means that adding one is adding a file. */
export async function loadMigrations(): Promise<(new () => MigrationInterface)[]> {
  const names = await readdir(join(import.meta.dirname, '../../migrations'));
  const migrations = names.filter((name) => SOURCE.test(name)).toSorted();
  return (await loadClasses(migrations.map((name) => `../../migrations/${name}`))) as (new () => MigrationInterface)[];
}

/** Every decorated entity, for the comparison of the mappings with the tables. */
export async function loadEntities(): Promise<Class[]> {
  const names = await readdir(join(import.meta.dirname, '..'), { recursive: true });
  const entities = names.filter((name) => /\.entity\.(js|ts)$/.test(name)).toSorted();
  return loadClasses(entities.map((name) => `../${name.replaceAll(sep, '/')}`));
}

async function loadClasses(files: string[]): Promise<Class[]> {
  const modules = await Promise.all(files.map((file) => import(file) as Promise<Record<string, unknown>>));
  return modules
    .flatMap((module) => Object.values(module))
    .filter((value): value is Class => typeof value === 'function');
}
