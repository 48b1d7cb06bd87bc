import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import type { User } from '../../src/users/user.entity.js';
import { insertUsers, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { signIn, type Actor } from '../support/cast.js';
import type { Answer } from '../support/client.js';
import { declaredAccess, type Access } from '../support/declared.js';
import { operations, type Operation } from '../support/document.js';
import { ADMIN } from '../support/stage.js';
import { exampleOf, kindOf, pathTo, thingOf } from '../support/things.js';

let app: TestApp;
let access: Map<string, Access>;
let tenant_id: string;
beforeAll(async () => {
  app = await startApp();
  access = declaredAccess(app);
  tenant_id = await newTenant(app);
});

async function somebody(given: Partial<User>): Promise<Actor> {
  const [actor] = await signIn(app, await insertUsers(app, [{ email_verified: true, ...given }]));
  return actor!;
}

/** The documented example, about something of somebody's. */
async function ask(operation: Operation, as: Actor, about: Actor, body = exampleOf(operation).body): Promise<Answer> {
  const path = pathTo(operation.path, await thingOf(app, operation.path, about));
  return app.request(operation.method, `~${path}`, { ...exampleOf(operation), body, token: as.token });
}

const rolesOf = ({ method, path }: Operation): readonly string[] | undefined =>
  access.get(`${method} ${path.replace('/api/v1', '').replaceAll(/\{(\w+)\}/g, ':$1')}`)?.roles;

const named = (some: readonly Operation[]) => some.map((one) => [`${one.method} ${one.path}`, one] as const);
const withId = operations.filter(({ path }) => kindOf(path));

describe("somebody else's (SEC-32)", () => {
  it.each(named(withId))('of another tenant is not there for an admin: %s', async (_, operation) => {
    const [admin, stranger] = [
      await somebody({ tenant_id, role: 'admin' }),
      await somebody({ tenant_id: await newTenant(app) }),
    ];
    const isForAdmins = rolesOf(operation)?.includes('admin') ?? true;
    const { status, body } = await ask(operation, admin, stranger);

    expect([status, body.code]).toEqual(isForAdmins ? [404, expect.stringMatching(/_not_found$/)] : [403, 'forbidden']);
  });

  it.each(named(withId))('is not there for a user, and admins’ affair where it is theirs: %s', async (_, operation) => {
    const [ada, bob] = [await somebody({ tenant_id }), await somebody({ tenant_id })];
    const { status, body } = await ask(operation, ada, bob);

    expect([status, body.code]).toEqual(
      rolesOf(operation) ? [403, 'forbidden'] : [404, expect.stringMatching(/_not_found$/)],
    );
  });
});

describe('an admin of default and a platform admin', () => {
  /** Everything by which somebody could be taken over, and all who are in charge of everything. */
  const stateOf = ({ id }: Actor): Promise<unknown> =>
    Promise.all([
      app.users.find({ id }),
      app.sql('SELECT id, role, auth_time, expires_at FROM sessions WHERE user_id = $1 ORDER BY id', [id]),
      app.sql('SELECT id, role, status, key_hash, scopes, expires_at FROM api_keys WHERE user_id = $1', [id]),
      app.users.find({ role: 'platform_admin' }).then((chiefs) => chiefs.map(({ id: chief }) => chief)),
    ]);

  /** The documented example and each of its fields alone, with the platform admin's address and role where one stands. */
  function bodiesOf(operation: Operation, chief: Actor): unknown[] {
    const { body } = exampleOf(operation);
    if (typeof body !== 'object' || body === null) return [body];
    const aimed = { email: chief.email, role: 'platform_admin', user_id: chief.id };
    const whole = Object.fromEntries(
      Object.entries(body).map(([name, value]) => [name, aimed[name as keyof typeof aimed] ?? value]),
    );
    return [body, whole, ...Object.entries(whole).map(([name, value]) => ({ [name]: value }))];
  }

  const changing = operations.filter(({ method }) => method !== 'GET');

  it.each(named(changing))('one neither changes, resets nor takes over the other: %s', async (_, operation) => {
    const chief = await somebody({ tenant_id: DEFAULT_TENANT_ID, role: 'platform_admin' });
    const before = await stateOf(chief);
    for (const body of bodiesOf(operation, chief)) {
      const admin = await somebody({ tenant_id: DEFAULT_TENANT_ID, role: 'admin' });
      const { status } = await ask(operation, admin, chief, body);

      expect(status).toBeLessThan(500);
      // An invitation is the tenant's, whoever sent it; so is a payment, whoever made it, and where events go.
      const kind = kindOf(operation.path);
      const isTheirs = !kind || kind === 'invitations' || kind === 'payments' || kind.startsWith('webhook-');
      expect(isTheirs || [403, 404, 422].includes(status)).toBe(true);
      expect(kindOf(operation.path) !== 'users' || status === 403).toBe(true);
      expect(await stateOf(chief)).toEqual(before);
    }
    expect((await app.request('GET', '/users/me', { token: chief.token })).status).toBe(200);
    expect((await app.logIn(ADMIN)).user.role).toBe('platform_admin');
  });
});
