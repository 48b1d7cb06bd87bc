import type { INestApplicationContext } from '@nestjs/common';
import { getConnectionToken } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import type { User } from '../../src/users/user.entity.js';
import type { TestDatabase } from './engines.js';

/** Values that a field may have: any of them where there are many. */
type Where = { readonly [Name in keyof User]?: User[Name] | readonly User[Name][] };

/** As a document of MongoDB. */
interface Document {
  readonly _id: string;
  readonly [field: string]: unknown;
}

/** What an app's store of users holds, wherever that is: past the application, as an operator would look and write. */
export class StoredUsers {
  constructor(
    private readonly app: INestApplicationContext,
    private readonly database: TestDatabase,
    private readonly inMongo: boolean,
  ) {}

  /** Every field of them, in the order of their ids. */
  async find(where: Where): Promise<User[]> {
    if (!this.inMongo) {
      const { condition, parameters } = sqlOf(where);
      const sql = `SELECT * FROM users WHERE ${condition} ORDER BY id`;
      const rows = await this.database.query<User>('superuser', sql, parameters);
      return rows.map((row) => {
        const { full_name_key: _, ...user } = row;
        return user;
      });
    }
    const documents = await this.collection
      .find({ tenant_id: { $exists: true }, ...filterOf(where) }, { projection: { full_name_key: 0, written_by: 0 } })
      .sort({ _id: 1 })
      .toArray();
    return documents.map(({ _id, ...user }) =>
      Object.assign({ id: _id, username: null, username_key: null }, user as unknown as User),
    );
  }

  /** @returns the ids of those that were changed. */
  async change(where: Where, changes: Partial<User>): Promise<string[]> {
    const ids = (await this.find(where)).map(({ id }) => id);
    if (this.inMongo)
      await this.collection.updateMany(filterOf({ id: ids }), {
        $set: {
          ...changes,
          ...(changes.full_name !== undefined && { full_name_key: changes.full_name.toLowerCase() }),
        },
      });
    else {
      const set = Object.keys(changes).map((name, at) => `${name} = $${at + 2}`);
      await this.database.query('superuser', `UPDATE users SET ${set.join(', ')} WHERE id = ANY($1)`, [
        ids,
        ...Object.values(changes),
      ]);
    }
    return ids;
  }

  async insert(users: readonly User[]): Promise<void> {
    if (this.inMongo) return void (await this.collection.insertMany(users.map(documentOf)));
    await this.database.query('superuser', 'INSERT INTO users SELECT * FROM json_populate_recordset(null::users, $1)', [
      JSON.stringify(users),
    ]);
  }

  private get collection() {
    return this.app.get<Connection>(getConnectionToken(), { strict: false }).collection<Document>('users');
  }
}

function sqlOf(where: Where): { condition: string; parameters: unknown[] } {
  const entries = Object.entries(where);
  const conditions = entries.map(([name], at) => `${name}::text = ANY($${at + 1}::text[])`);
  return { condition: ['true', ...conditions].join(' AND '), parameters: entries.map(([, value]) => [value].flat()) };
}

const filterOf = ({ id, ...where }: Where): object =>
  Object.fromEntries(
    Object.entries({ tenant_id: undefined, ...where, ...(id !== undefined && { _id: id }) })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, { $in: [value].flat() }]),
  );

const documentOf = ({ id, username, username_key, ...user }: User) => ({
  _id: id,
  ...user,
  full_name_key: user.full_name.toLowerCase(),
  ...(username !== null && { username }),
  ...(username_key !== null && { username_key }),
});
