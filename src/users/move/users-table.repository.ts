import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { User } from '../user.entity.js';

/** All of the table of users, whole: for carrying them into or out of it. Runs as system. */
@Injectable()
export class UsersTableRepository {
  constructor(private readonly database: Database) {}

  async count(): Promise<number> {
    const [{ count }] = await this.query<[{ count: number }]>('SELECT count(*)::int FROM users', []);
    return count;
  }

  /** In the order of their ids; without what PostgreSQL makes of the name, which is no part of a user. */
  async wholes(after: string, limit: number): Promise<User[]> {
    const rows = await this.query<User[]>(
      `SELECT * FROM users WHERE $1 = '' OR id > NULLIF($1, '')::uuid ORDER BY id LIMIT $2`,
      [after, limit],
    );
    return rows.map(toUser);
  }

  async find(ids: readonly string[]): Promise<User[]> {
    return (await this.query<User[]>('SELECT * FROM users WHERE id = ANY($1)', [ids])).map(toUser);
  }

  /** As given, whether they were there or not; all of them or none. */
  async put(users: readonly User[]): Promise<void> {
    await this.database.asSystem(() =>
      this.database.transaction(async () => {
        await this.remove(users.map(({ id }) => id));
        await this.query('INSERT INTO users SELECT * FROM json_populate_recordset(null::users, $1)', [
          JSON.stringify(users),
        ]);
      }),
    );
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.query('DELETE FROM users WHERE id = ANY($1)', [ids]);
  }

  /** @returns how many of them still were at this version. */
  async removeUnchanged(users: readonly Pick<User, 'id' | 'version'>[]): Promise<number> {
    const [, removed] = await this.query<[unknown[], number]>(
      `DELETE FROM users USING unnest($1::uuid[], $2::int[]) AS gone (id, version)
       WHERE users.id = gone.id AND users.version = gone.version`,
      [users.map(({ id }) => id), users.map(({ version }) => version)],
    );
    return removed;
  }

  private query<Rows>(sql: string, parameters: unknown[]): Promise<Rows> {
    return this.database.asSystem(() => this.database.run((manager) => manager.query<Rows>(sql, parameters)));
  }
}

function toUser(row: User): User {
  const { full_name_key: _, ...user } = row;
  return Object.assign(new User(), user);
}
