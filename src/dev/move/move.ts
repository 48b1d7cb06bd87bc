import { Client, escapeIdentifier } from 'pg';
import { scopeSql } from '../../database/scope.js';
import { EngineError } from '../processes.js';

export interface Moved {
  readonly tables: number;
  readonly rows: number;
}

interface Table {
  /** With its schema, quoted. */
  readonly name: string;
  /** Those that are written, quoted. */
  readonly columns: readonly string[];
  /** Of its rows' order; quoted. */
  readonly key: string;
  /** Of a column that numbers its rows. */
  readonly numbered: string | null;
}

/** Rows of one statement: some hold documents of many kilobytes. */
const BATCH = 200;

/** What migrations put into new tables, which is in the old ones too. */
const SEEDED: readonly string[] = ['public.tenants', 'public.users_home', 'simulator.clock'];

/** Every table but the migrations' own, those first that others refer to. */
const TABLES = `
  WITH RECURSIVE own AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname IN ('public', 'simulator') AND c.relname <> 'migrations'
  ), depth (oid, level) AS (
    SELECT oid, 0 FROM own
    UNION
    SELECT f.conrelid, level + 1 FROM depth JOIN pg_constraint f ON f.confrelid = depth.oid
    WHERE f.contype = 'f' AND f.conrelid <> f.confrelid
  )
  SELECT own.name,
    (SELECT array_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute
     WHERE attrelid = own.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns,
    coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(p.conkey, a.attnum))
     FROM pg_constraint p JOIN pg_attribute a ON a.attrelid = p.conrelid AND a.attnum = ANY(p.conkey)
     WHERE p.conrelid = own.oid AND p.contype = 'p'), '1') AS key,
    (SELECT attname FROM pg_attribute WHERE attrelid = own.oid AND attidentity <> '') AS numbered
  FROM own JOIN depth USING (oid) GROUP BY own.oid, own.name ORDER BY max(level), own.name`;

/**
 * Copies every row into the same tables elsewhere, in one transaction: all of them arrive, and the same as they were, or
 * none does. Nobody may write to the old place meanwhile.
 * @param from - URL of a superuser, who sees all rows.
 * @param to - URL of the owner of tables that were just made.
 * @throws {EngineError} there are rows in the new place already, or none in the old one.
 */
export async function moveDatabase({ from, to }: { from: string; to: string }): Promise<Moved> {
  const [source, target] = [from, to].map((connectionString) => new Client({ connectionString })) as [Client, Client];
  await Promise.all([source.connect(), target.connect()]);
  try {
    await source.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL timezone = 'UTC'`);
    await target.query(`BEGIN; SET LOCAL timezone = 'UTC'; ${scopeSql('system')}`);
    const { rows: tables } = await source.query<Table>(TABLES);
    await makeRoom(target, tables);
    let rows = 0;
    for (const table of tables) rows += await copy(source, target, table);
    if (rows <= SEEDED.length) throw new EngineError('The embedded database holds nothing: is DATA_DIR the right one?');
    await target.query('COMMIT');
    return { tables: tables.length, rows };
  } finally {
    // What was not committed is rolled back with its connection.
    await Promise.all([source.end(), target.end()]);
  }
}

async function makeRoom(target: Client, tables: readonly Table[]): Promise<void> {
  for (const { name } of tables.filter((table) => !SEEDED.includes(table.name))) {
    const { rowCount } = await target.query(`SELECT FROM ${name} LIMIT 1`);
    if (rowCount) throw new EngineError(`The database at POSTGRES_URL is in use: there are rows in ${name}.`);
  }
  for (const name of SEEDED) await target.query(`DELETE FROM ${name}`);
}

/** @returns how many rows. */
async function copy(source: Client, target: Client, { name, columns, key, numbered }: Table): Promise<number> {
  const list = columns.join(', ');
  await source.query(
    `DECLARE rows NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS row FROM ${name} t ORDER BY ${key}`,
  );
  for (;;) {
    const { rows } = await source.query<{ row: string }>(`FETCH ${BATCH} FROM rows`);
    if (rows.length === 0) break;
    // As texts all the way: JavaScript's numbers are no place for money.
    await target.query(
      `INSERT INTO ${name} (${list}) OVERRIDING SYSTEM VALUE
       SELECT ${list} FROM jsonb_populate_recordset(NULL::${name}, $1::jsonb)`,
      [`[${rows.map(({ row }) => row).join(',')}]`],
    );
  }
  await source.query('CLOSE rows');
  if (numbered) await continueNumbers(target, name, numbered);
  const [before, after] = [await fingerprint(source, name), await fingerprint(target, name)];
  if (before.sum !== after.sum) throw new Error(`${name} has not arrived as it was`);
  return after.rows;
}

const continueNumbers = (target: Client, name: string, column: string): Promise<unknown> =>
  target.query(
    `SELECT setval(pg_get_serial_sequence($1, $2), max(${escapeIdentifier(column)})) FROM ${name} HAVING count(*) > 0`,
    [name, column],
  );

/** The same for the same rows, in whichever order. */
async function fingerprint(client: Client, name: string): Promise<{ readonly rows: number; readonly sum: string }> {
  const { rows } = await client.query<{ rows: number; sum: string }>(
    `SELECT count(*)::integer AS rows,
       concat(count(*), ':', sum(('x' || left(md5(to_jsonb(t)::text), 15))::bit(60)::bigint::numeric)) AS sum
     FROM ${name} t`,
  );
  return rows[0]!;
}
