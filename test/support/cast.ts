import { newKey } from '../../src/auth/api-keys/key-text.js';
import { Tokens } from '../../src/auth/tokens.js';
import { SCOPES, scopesOf, type Scope } from '../../src/common/access.js';
import { hashOfToken } from '../../src/common/one-time-token.js';
import { uuidv7 } from '../../src/common/uuid.js';
import type { User } from '../../src/users/user.entity.js';
import { insertUsers } from './accounts.js';
import type { TestApp } from './app.js';
import { insertPayments, insertRepayments } from './payments.js';

/** Somebody who is signed in and has an API key. */
export interface Actor {
  readonly id: string;
  readonly tenant_id: string;
  readonly email: string;
  readonly session_id: string;
  readonly token: string;
  /** In which nobody is: whatever becomes of it hurts no request. */
  readonly empty_tenant_id: string;
  /** Into the actor's tenant. */
  readonly invitation_id: string;
  /** Prepared, and not confirmed yet. */
  readonly payment_id: string;
  /** Of that payment, and come to nothing. */
  readonly refund_id: string;
  /** Of that payment, and over. */
  readonly dispute_id: string;
  readonly api_key_id: string;
  readonly key: string;
}

/** Who asks, somebody else of the tenant, and somebody of another one. */
export type Scene = Readonly<Record<'own' | 'other' | 'foreign', Actor>>;

const AT_ONCE = 20;

/** People in stock: a request that ends somebody's account or session, or changes it, costs that one alone. */
export class Cast {
  private stock: Scene[] = [];

  constructor(
    private readonly app: TestApp,
    private readonly role: User['role'],
    private readonly foreign_tenant_id: string,
  ) {}

  async next(): Promise<Scene> {
    if (this.stock.length === 0) this.stock = await this.hire();
    return this.stock.pop()!;
  }

  private async hire(): Promise<Scene[]> {
    const scene = [{ role: this.role }, {}, { tenant_id: this.foreign_tenant_id }];
    const users = await insertUsers(this.app, Array.from({ length: AT_ONCE }, () => scene).flat());
    const people = await signIn(this.app, users);
    return Array.from({ length: AT_ONCE }, (_, at) => {
      const [own, other, foreign] = people.slice(3 * at);
      return { own: own!, other: other!, foreign: foreign! };
    });
  }
}

/** As logins end, without the work of one. The keys are good for all that their owners may. */
export async function signIn(app: TestApp, users: readonly User[]): Promise<Actor[]> {
  const sessions = users.map(({ id, tenant_id, role }) => ({ id: uuidv7(), user_id: id, tenant_id, role }));
  await app.sql(
    `INSERT INTO sessions (id, user_id, tenant_id, role, auth_time, ip, expires_at)
     SELECT id, user_id, tenant_id, role, now(), '127.0.0.0/24', now() + interval '1 day'
     FROM json_populate_recordset(null::sessions, $1)`,
    [JSON.stringify(sessions)],
  );
  const [keys, tenants, invitations, payments] = await Promise.all([
    insertKeys(app, users, SCOPES),
    emptyTenants(app, users.length),
    insertInvitations(app, users),
    insertPayments(app, users),
  ]);
  const repayments = await insertRepayments(app, payments);
  const tokens = app.app.get(Tokens);
  return Promise.all(
    users.map(async ({ id, tenant_id, email }, at) => {
      const { id: session_id } = sessions[at]!;
      const token = await tokens.sign({ user_id: id, session_id, tenant_id });
      const [empty_tenant_id, invitation_id, payment_id] = [tenants[at]!, invitations[at]!, payments[at]!];
      const things = { empty_tenant_id, invitation_id, payment_id, ...repayments[at]!, ...keys[at]! };
      return { id, tenant_id, email, session_id, token, ...things };
    }),
  );
}

async function emptyTenants(app: TestApp, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  await app.sql(`INSERT INTO tenants (id, name) SELECT id, 'Of the cast ' || id FROM unnest($1::uuid[]) id`, [ids]);
  return ids;
}

/** One into the tenant of each. */
async function insertInvitations(app: TestApp, users: readonly User[]): Promise<string[]> {
  const rows = users.map(({ id: invited_by, tenant_id }) => ({ id: uuidv7(), invited_by, tenant_id }));
  await app.sql(
    `INSERT INTO invitations (id, tenant_id, email, role, token_hash, invited_by, expires_at)
     SELECT id, tenant_id, id || '@cast.example.com', 'user', uuid_send(id), invited_by, now() + interval '1 day'
     FROM json_populate_recordset(null::invitations, $1)`,
    [JSON.stringify(rows)],
  );
  return rows.map(({ id }) => id);
}

type Owner = Pick<User, 'id' | 'tenant_id' | 'role'>;

/** A key for each, good for those of the scopes that its owner may. */
export async function insertKeys(
  app: TestApp,
  owners: readonly Owner[],
  scopes: readonly Scope[],
): Promise<{ api_key_id: string; key: string }[]> {
  const made = owners.map(({ id: user_id, tenant_id, role }) => {
    const id = uuidv7();
    const allowed = scopesOf(role).filter((scope) => scopes.includes(scope));
    return { id, user_id, tenant_id, role, scopes: allowed, key: newKey(id) };
  });
  const rows = made.map(({ key, ...row }) => ({ ...row, key_hash: `\\x${hashOfToken(key).toString('hex')}` }));
  await app.sql(
    `INSERT INTO api_keys (id, user_id, tenant_id, role, name, scopes, key_hash)
     SELECT id, user_id, tenant_id, role, 'Test', scopes, key_hash FROM json_populate_recordset(null::api_keys, $1)`,
    [JSON.stringify(rows)],
  );
  return made.map(({ id: api_key_id, key }) => ({ api_key_id, key }));
}
