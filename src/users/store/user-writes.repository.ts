import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ErasesPersonalData } from '../../common/personal-data.js';
import { SideDatabase } from '../../database/apart/side-database.js';
import { Database } from '../../database/database.js';
import { UNDO, type UserWrite } from './user-write.entity.js';

export type WrittenDown = Pick<UserWrite, 'id' | 'tenant_id' | 'user_id' | 'version' | 'before' | 'key_id'> & {
  /** Names of what its transaction holds. */
  readonly locks: readonly string[];
};

export type BrokenOff = Pick<UserWrite, 'id' | 'user_id' | 'version' | 'before' | 'key_id'>;

/** The locks behind names, each once. */
const KEYS = `SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest($1::text[]) AS name`;

/** The name of the lock that whoever writes to a user holds. */
export const lockOf = (user_id: string): string => `user:${user_id}`;

/**
 * The journal of writes to users that are in another store: what a write replaces is written down, durably, before it is
 * made, and struck out by the transaction that it belongs to. What is there and held by nobody was broken off.
 */
@Injectable()
export class UserWritesRepository {
  constructor(
    private readonly database: Database,
    private readonly side: SideDatabase,
  ) {}

  /**
   * Holds these names until the caller's transaction ends: alone, or with others who only want them to stay. Sorted, so that
   * two that want the same ones do not wait for each other.
   */
  async hold(names: readonly string[], mode: 'alone' | 'shared' = 'alone'): Promise<void> {
    const lock = mode === 'alone' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
    await this.database.run((manager) =>
      manager.query(`SELECT ${lock}(key) FROM (${KEYS} ORDER BY key) AS keys`, [names]),
    );
  }

  /** Durable at once, whatever becomes of the caller's transaction. */
  async begin({ id, tenant_id, user_id, version, before, key_id, locks }: WrittenDown): Promise<void> {
    await this.side.run((manager) =>
      manager.query(
        `INSERT INTO user_writes (id, tenant_id, user_id, version, before, key_id, locks)
         VALUES ($2, $3, $4, $5, $6, $7, ARRAY(${KEYS}))`,
        [locks, id, tenant_id, user_id, version, before, key_id],
      ),
    );
  }

  /** Strikes it out as soon as the caller's transaction is committed. @returns whether nobody undoes it. */
  async strikeOut(id: string): Promise<boolean> {
    const [, struck] = await this.database.run((manager) =>
      manager.query<[unknown[], number]>('DELETE FROM user_writes WHERE id = $1 AND NOT taken_back', [id]),
    );
    return struck === 1;
  }

  /** Forgets writes that certainly were not made, or were undone. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.side.run((manager) => manager.query('DELETE FROM user_writes WHERE id = ANY($1)', [ids]));
  }

  /** Whose writes are written down and concern one of these names; where none are given, any. */
  async usersConcerned(names?: readonly string[]): Promise<string[]> {
    const rows = await this.side.run((manager) =>
      names
        ? manager.query<Pick<UserWrite, 'user_id'>[]>(
            `SELECT DISTINCT user_id FROM user_writes WHERE locks && ARRAY(${KEYS})`,
            [names],
          )
        : manager.query<Pick<UserWrite, 'user_id'>[]>('SELECT DISTINCT user_id FROM user_writes LIMIT 1000'),
    );
    return rows.map(({ user_id }) => user_id);
  }

  /**
   * Gives `undo` what was broken off of this user's writes, and strikes it out when that is done. None of it is committed
   * any more, however late `undo` comes to it: that is settled, durably, before. Many may do so at once.
   * @param names - what the caller holds. Whoever made a write that concerns them would hold them too, and so is gone. Where
   * none are given it is found out whether somebody writes to this user just now; then nothing is done.
   */
  async settle(
    user_id: string,
    names: readonly string[] | null,
    undo: (writes: readonly BrokenOff[]) => Promise<void>,
  ): Promise<void> {
    const writes = await this.takeBack(user_id, names);
    if (writes.length === 0) return;
    await undo(writes);
    await this.forget(writes.map(({ id }) => id));
  }

  private takeBack(user_id: string, names: readonly string[] | null): Promise<BrokenOff[]> {
    return this.side.run(async (manager) => {
      if (!names && !(await isFree(manager, lockOf(user_id)))) return [];
      await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${UNDO}:${user_id}`]);
      // What somebody has struck out and not committed yet is locked, and theirs.
      const writes = await manager.query<(BrokenOff & { concerned: boolean })[]>(
        `SELECT id, user_id, version, before, key_id, locks && ARRAY(${KEYS}) AS concerned FROM user_writes
         WHERE user_id = $2 ORDER BY version FOR UPDATE SKIP LOCKED`,
        [names ?? [lockOf(user_id)], user_id],
      );
      // Whoever has written since has undone first what was there: then none of it concerns these names.
      if (!writes.some(({ concerned }) => concerned)) return [];
      const ids = writes.map(({ id }) => id);
      await manager.query('UPDATE user_writes SET taken_back = true WHERE id = ANY($1) AND NOT taken_back', [ids]);
      return writes;
    });
  }

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['user_writes'] })
  async erase(user_id: string): Promise<void> {
    await this.database.run((manager) => manager.query('DELETE FROM user_writes WHERE user_id = $1', [user_id]));
  }
}

/** Nobody writes; and nobody will until this transaction has ended. */
async function isFree(manager: EntityManager, name: string): Promise<boolean> {
  const [{ free }] = await manager.query<[{ free: boolean }]>(
    'SELECT pg_try_advisory_xact_lock_shared(hashtextextended($1, 0)) AS free',
    [name],
  );
  return free;
}
