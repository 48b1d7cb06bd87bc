import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { getMetadataArgsStorage } from 'typeorm';
import { Keyring, UnsealableError } from '../../common/keyring.js';
import { InvalidSettingsError } from '../../config/read-settings.js';
import { Database } from '../database.js';
import { sealedColumns, type RowGuard, type SealedColumnDeclaration } from './sealed-column.js';

/** So many rows are sealed anew by one transaction. */
const BATCH = 200;

/** After so long it is looked again at rows that others held. */
const PAUSE_MS = 100;

/** PostgreSQL's words for what a migration has not made yet. */
const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';

/** Before every other. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

interface Pass {
  readonly resealed: number;
  /** Ids of rows that stay as they are. */
  readonly unreadable: readonly string[];
  /** So many were held by others, and may stay as they are or be gone. */
  readonly held: number;
}

interface Batch extends Pass {
  /** Where the next one goes on; undefined when there is none. */
  readonly last: string | undefined;
}

interface SealedRow {
  readonly id: string;
  readonly key_id: string;
  readonly sealed: Buffer;
}

/** Everything in the database that wants a key of SECRET_KEY's ring to be read (`@SealedColumn`). */
@Injectable()
export class SealedData implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  /**
   * A database that cannot be asked fails the start, as it would without this.
   * @throws {InvalidSettingsError} something is sealed by a key that SECRET_KEY no longer holds.
   */
  async onModuleInit(): Promise<void> {
    const mistakes: string[] = [];
    for (const column of sealedColumns()) {
      const missing = await this.missingKeys(column);
      if (missing.length > 0) {
        mistakes.push(
          `SECRET_KEY no longer holds ${missing.join(', ')}, which rows of ${tableOf(column)} are sealed with: put it ` +
            'back at the end of the ring, run `npm run keys:reseal`, and drop it then',
        );
      }
    }
    if (mistakes.length > 0) throw new InvalidSettingsError(mistakes);
  }

  /**
   * Seals everything anew that another key than the ring's first one sealed. Safe beside running processes, as long as
   * their rings hold that first key, and safe to repeat.
   * @returns how many rows of each table.
   * @throws {UnsealableError} some rows cannot be opened, by the ring as it is or at all; all others are done by then.
   */
  async reseal(): Promise<Record<string, number>> {
    const resealed: Record<string, number> = {};
    const unreadable: string[] = [];
    for (const column of sealedColumns()) {
      const table = tableOf(column);
      resealed[table] ??= 0;
      let pass = await this.pass(column);
      resealed[table] += pass.resealed;
      while (pass.held > 0) {
        await sleep(PAUSE_MS);
        pass = await this.pass(column);
        resealed[table] += pass.resealed;
      }
      unreadable.push(...pass.unreadable.map((id) => `${table} ${id}`));
    }
    if (unreadable.length > 0) throw new UnsealableError(`These rows cannot be opened: ${unreadable.join(', ')}`);
    return resealed;
  }

  /** By which keys that the ring does not hold the rows are sealed. */
  private async missingKeys(declaration: SealedColumnDeclaration): Promise<string[]> {
    const sealed = `${tableOf(declaration)} WHERE ${declaration.column} IS NOT NULL`;
    try {
      // From one key to the next by the index: DISTINCT would read all rows, and every start asks.
      const rows = await this.system<{ key_id: string }>(
        `WITH RECURSIVE used AS (
           (SELECT key_id FROM ${sealed} AND key_id IS NOT NULL ORDER BY key_id LIMIT 1)
           UNION ALL
           SELECT (SELECT key_id FROM ${sealed} AND key_id > used.key_id ORDER BY key_id LIMIT 1)
           FROM used WHERE key_id IS NOT NULL
         )
         SELECT key_id FROM used WHERE key_id IS NOT NULL`,
      );
      return rows.map(({ key_id }) => key_id).filter((kid) => !this.keyring.has(kid));
    } catch (error) {
      if (isNotMigrated(error)) return [];
      throw error;
    }
  }

  /** Once through the whole table. */
  private async pass(declaration: SealedColumnDeclaration): Promise<Pass> {
    const unreadable: string[] = [];
    let [resealed, held] = [0, 0];
    for (let after: string | undefined = FIRST_ID; after !== undefined;) {
      const batch: Batch = await this.batch(declaration, after);
      resealed += batch.resealed;
      held += batch.held;
      unreadable.push(...batch.unreadable);
      after = batch.last;
    }
    return { resealed, unreadable, held };
  }

  private batch(declaration: SealedColumnDeclaration, after: string): Promise<Batch> {
    const { column, purpose } = declaration;
    const table = tableOf(declaration);
    const { current } = this.keyring;
    return this.database.asSystem(() =>
      this.database.transaction(async () => {
        const { rows, held, last } = await this.lockRows(declaration, after);
        const unreadable: string[] = [];
        for (const row of rows) {
          const anew = this.sealAnew(purpose, row);
          if (!anew) unreadable.push(row.id);
          else
            await this.system(`UPDATE ${table} SET ${column} = $2, key_id = $3 WHERE id = $1`, [row.id, anew, current]);
        }
        return { resealed: rows.length - unreadable.length, unreadable, held, last };
      }),
    );
  }

  /** The next rows that are to be sealed anew, locked. Who holds one is waited for, but not under a guard: see there. */
  private async lockRows(
    declaration: SealedColumnDeclaration,
    after: string,
  ): Promise<{ rows: SealedRow[]; held: number; last: string | undefined }> {
    const { column, guard } = declaration;
    const sealed = `SELECT id, key_id, ${column} AS sealed FROM ${tableOf(declaration)}
      WHERE ${column} IS NOT NULL AND key_id <> $1`;
    const { current } = this.keyring;
    if (!guard) {
      const rows = await this.system<SealedRow>(`${sealed} AND id > $2 ORDER BY id LIMIT ${BATCH} FOR UPDATE`, [
        current,
        after,
      ]);
      return { rows, held: 0, last: rows.at(-1)?.id };
    }
    const ids = await this.holdGuards(declaration, guard, after);
    // Whoever has locked one may come to want the guard, and would wait for us as we for them.
    const rows = await this.system<SealedRow>(`${sealed} AND id = ANY($2) FOR UPDATE SKIP LOCKED`, [current, ids]);
    return { rows, held: ids.length - rows.length, last: ids.at(-1) };
  }

  /** Holds the guards of the next rows, in one order for all, until the transaction ends. @returns the rows' ids. */
  private async holdGuards(
    declaration: SealedColumnDeclaration,
    { lock, column: by }: RowGuard,
    after: string,
  ): Promise<string[]> {
    const rows = await this.system<{ id: string; name: string }>(
      `SELECT id, $3::text || ':' || ${by}::text AS name FROM ${tableOf(declaration)}
       WHERE ${declaration.column} IS NOT NULL AND key_id <> $1 AND id > $2 ORDER BY id LIMIT ${BATCH}`,
      [this.keyring.current, after, lock],
    );
    await this.system(
      `SELECT pg_advisory_xact_lock(key) FROM (
         SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest($1::text[]) AS name ORDER BY key
       ) AS keys`,
      [rows.map(({ name }) => name)],
    );
    return rows.map(({ id }) => id);
  }

  /** @returns null when nobody can tell any more what was sealed. */
  private sealAnew(purpose: string, { id, key_id, sealed }: SealedRow): Buffer | null {
    try {
      return this.keyring.seal(purpose, this.keyring.open(purpose, key_id, sealed, id), id).sealed;
    } catch (error) {
      if (error instanceof UnsealableError) return null;
      throw error;
    }
  }

  private system<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.database.asSystem(() => this.database.run((manager) => manager.query<Row[]>(sql, parameters)));
  }
}

/** Where the table, or the column, is not there yet, nothing is sealed; readiness tells of it. */
function isNotMigrated(error: unknown): boolean {
  const code = (error as { driverError?: { code?: string } }).driverError?.code;
  return code === UNDEFINED_TABLE || code === UNDEFINED_COLUMN;
}

function tableOf({ target, column }: SealedColumnDeclaration): string {
  const name = getMetadataArgsStorage().tables.find((table) => table.target === target)?.name;
  if (!name) throw new Error(`${column} is sealed in something that is no entity`);
  return name;
}
