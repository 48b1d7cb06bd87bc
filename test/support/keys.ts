import type { User } from '../../src/users/user.entity.js';
import { insertUsers } from './accounts.js';
import type { TestApp } from './app.js';
import { succeed, type Answer, type Client } from './client.js';

/** Somebody of this tenant with this role whose address is verified, signed in. */
export async function verifiedMember(app: TestApp, tenant_id: string, role: User['role'] = 'user'): Promise<Client> {
  const [account] = await insertUsers(app, [{ tenant_id, role, email_verified: true }]);
  return app.logIn(account!);
}

export interface MadeKey {
  readonly id: string;
  readonly key: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
}

/** A key of somebody's. */
export const newKey = async (client: Client, changes: object = {}): Promise<MadeKey> =>
  succeed(await client.post('/auth/api-keys', { name: 'Test', ...changes })) as MadeKey;

/** One request with a key. */
export const withKey = (app: TestApp, key: string, path = '/users', method = 'GET'): Promise<Answer> =>
  app.request(method, path, { token: key });
