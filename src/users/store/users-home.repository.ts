import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

export const STORES = ['postgresql', 'mongodb'] as const;
export type StoreName = (typeof STORES)[number];

/** Where the users live. */
export interface Home {
  readonly store: StoreName;
  /** Where they are being moved to, from or within the other store; null when they stay. */
  readonly moving_to: StoreName | null;
  /** Whether any is in PostgreSQL. */
  readonly in_postgresql: boolean;
  /** What tells this installation from others; null where the tables are older than that. */
  readonly installation_id: string | null;
  /** Whether the MongoDB that is in use, or that users are moved to or from, has been told. */
  readonly paired: boolean;
}

/** In which store the users are: PostgreSQL remembers it, since it is there in any case. */
@Injectable()
export class UsersHomeRepository {
  constructor(private readonly database: Database) {}

  /** @returns null where the tables are older than the question. */
  async find(): Promise<Home | null> {
    const [{ known }] = (await this.database.call<{ known: boolean }>(
      `SELECT to_regclass('users_home') IS NOT NULL AS known`,
    )) as [{ known: boolean }];
    if (!known) return null;
    const [home = null] = await this.database.asSystem(() =>
      this.database.run((manager) =>
        // By name, since an older table has not all of them.
        manager.query<Home[]>(
          `SELECT store, moving_to, EXISTS (SELECT FROM users) AS in_postgresql,
             to_jsonb(home) ->> 'installation_id' AS installation_id,
             coalesce((to_jsonb(home) ->> 'paired')::boolean, false) AS paired
           FROM users_home AS home`,
        ),
      ),
    );
    return home;
  }

  /** From now on users are made there, and looked for nowhere else. */
  async set({ store, moving_to, paired }: Pick<Home, 'store' | 'moving_to' | 'paired'>): Promise<void> {
    await this.database.run((manager) =>
      manager.query('UPDATE users_home SET store = $1, moving_to = $2, paired = $3', [store, moving_to, paired]),
    );
  }
}
