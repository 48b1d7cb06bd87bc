import { SCOPES, type Scope } from '../../src/common/access.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import type { User } from '../../src/users/user.entity.js';
import { insertUsers, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { insertKeys, signIn, type Actor } from '../support/cast.js';
import { faultsOf } from '../support/conformance.js';
import { declaredAccess, type Access } from '../support/declared.js';
import { operations, type Operation } from '../support/document.js';
import { exampleOf, kindOf, pathTo, thingOf } from '../support/things.js';
import { PATIENT } from '../support/visitors.js';

/**
 * What everybody is answered to a request that is right in itself. `user` and `admin` are of one tenant, `other` is an
 * admin of another one; `key` is an admin's and good for everything, `lesser` for all but the scopes of the route. An
 * `{id}` is somebody's of the first tenant, but for what is only ever asked of oneself.
 *
 * A one-time token of an example is nobody's: 422 is as far as it gets.
 *
 * A new route takes its place here, and the words for its id in test/support/things.ts.
 */
const TABLE = `
                                            anonymous  user  admin  other  platform  key  lesser
  GET    /api/v1/audit-events                     401   403    200    200       200  403     403
  GET    /api/v1/auth/api-keys                    401   200    200    200       200  403     403
  POST   /api/v1/auth/api-keys                    401   201    201    201       201  403     403
  DELETE /api/v1/auth/api-keys/{id}               401   204    204    204       204  403     403
  POST   /api/v1/auth/api-keys/{id}/rotate        401   201    201    201       201  403     403
  POST   /api/v1/auth/email/change                401   202    202    202       202  403     403
  POST   /api/v1/auth/email/resend                202   202    202    202       202  403     403
  POST   /api/v1/auth/email/verify                422   422    422    422       422  403     403
  POST   /api/v1/auth/login                       200   200    200    200       200  200     200
  POST   /api/v1/auth/login/mfa                   401   401    401    401       401  401     401
  POST   /api/v1/auth/logout                      401   204    204    204       204  403     403
  POST   /api/v1/auth/mfa/recovery-codes          401   401    401    401       401  403     403
  POST   /api/v1/auth/mfa/totp                    401   201    201    201       201  403     403
  POST   /api/v1/auth/mfa/totp/confirm            401   401    401    401       401  403     403
  POST   /api/v1/auth/mfa/totp/disable            401   401    401    401       401  403     403
  POST   /api/v1/auth/password/change             401   204    204    204       204  403     403
  POST   /api/v1/auth/password/forgot             202   202    202    202       202  403     403
  POST   /api/v1/auth/password/reset              422   422    422    422       422  403     403
  POST   /api/v1/auth/reauth                      401   204    204    204       204  403     403
  POST   /api/v1/auth/refresh                     401   401    401    401       401  401     401
  GET    /api/v1/auth/sessions                    401   200    200    200       200  403     403
  DELETE /api/v1/auth/sessions/{id}               401   204    204    204       204  403     403
  POST   /api/v1/exports/download                 422   422    422    422       422  403     403
  GET    /api/v1/invitations                      401   403    200    200       200  403     403
  POST   /api/v1/invitations                      401   403    201    201       201  403     403
  POST   /api/v1/invitations/accept               422   422    422    422       422  403     403
  DELETE /api/v1/invitations/{id}                 401   403    204    404       204  403     403
  GET    /api/v1/tenants                          401   403    403    403       200  403     403
  POST   /api/v1/tenants                          401   403    403    403       201  403     403
  GET    /api/v1/tenants/{id}                     401   403    403    403       200  403     403
  PATCH  /api/v1/tenants/{id}                     401   403    403    403       200  403     403
  GET    /api/v1/users                            401   403    200    200       200  200     403
  POST   /api/v1/users                            201   201    201    201       201  403     403
  DELETE /api/v1/users/me                         401   204    204    204       204  403     403
  GET    /api/v1/users/me                         401   200    200    200       200  403     403
  PATCH  /api/v1/users/me                         401   200    200    200       200  403     403
  POST   /api/v1/users/me/export                  401   202    202    202       202  403     403
  DELETE /api/v1/users/{id}                       401   403    204    404       204  403     403
  GET    /api/v1/users/{id}                       401   404    200    404       200  200     403
  PATCH  /api/v1/users/{id}                       401   404    200    404       200  403     403
  POST   /api/v1/users/{id}/logout                401   403    204    404       204  403     403
  POST   /api/v1/users/{id}/mfa/reset             401   403    204    404       204  403     403
  POST   /api/v1/users/{id}/unlock                401   403    204    404       204  403     403
  GET    /api/v1/currencies                          401   200    200    200       200  403     403
  GET    /api/v1/disputes                            401   200    200    200       200  200     403
  GET    /api/v1/disputes/{id}                       401   404    200    404       200  200     403
  GET    /api/v1/ledger/accounts                     401   403    200    200       200  403     403
  GET    /api/v1/ledger/accounts/{code}/entries      401   403    200    200       200  403     403
  GET    /api/v1/ledger/trial-balance                401   403    200    200       200  403     403
  GET    /api/v1/payments                            401   200    200    200       200  200     403
  POST   /api/v1/payments                            401   201    201    201       201  201     403
  GET    /api/v1/payments/config                     401   200    200    200       200  403     403
  GET    /api/v1/payments/{id}                       401   404    200    404       200  200     403
  POST   /api/v1/payments/{id}/cancel                401   404    404    404       404  404     403
  POST   /api/v1/payments/{id}/capture               401   403    409    404       409  409     403
  GET    /api/v1/payments/{id}/client-secret         401   404    404    404       404  403     403
  POST   /api/v1/payments/{id}/confirm               401   404    404    404       404  404     403
  GET    /api/v1/payments/{id}/ledger                401   404    200    404       200  200     403
  GET    /api/v1/payments/{id}/refunds               401   404    200    404       200  200     403
  POST   /api/v1/payments/{id}/refunds               401   403    409    404       409  409     403
  GET    /api/v1/payments/{id}/timeline              401   404    200    404       200  200     403
  GET    /api/v1/refunds                             401   200    200    200       200  200     403
  GET    /api/v1/refunds/{id}                        401   404    200    404       200  200     403
  POST   /api/v1/payments/{id}/sync                  401   403    200    404       200  403     403
  GET    /api/v1/reconciliation/items                401   403    200    200       200  403     403
  POST   /api/v1/reconciliation/runs                 401   403    403    403       202  403     403
  POST   /api/v1/simulator/authenticate              422   422    422    422       422  403     403
  GET    /api/v1/simulator/charges                   401   403    403    403       200  403     403
  POST   /api/v1/simulator/clock                     401   403    403    403       204  403     403
  POST   /api/v1/simulator/dashboard-refund          401   403    403    403       404  403     403
  POST   /api/v1/simulator/faults                    401   403    403    403       204  403     403
  GET    /api/v1/simulator/payment-methods           401   200    200    200       200  403     403
  POST   /api/v1/simulator/payments/{id}/authenticate   401   403    403    403       404  403     403
  POST   /api/v1/simulator/reset                     401   403    403    403       204  403     403
  POST   /api/v1/simulator/webhooks/flush            401   403    403    403       200  403     403
  GET    /api/v1/webhook-endpoints                   401   403    200    200       200  403     403
  POST   /api/v1/webhook-endpoints                   401   403    201    201       201  403     403
  GET    /api/v1/webhook-endpoints/{id}              401   403    200    404       200  403     403
  PATCH  /api/v1/webhook-endpoints/{id}              401   403    200    404       200  403     403
  DELETE /api/v1/webhook-endpoints/{id}              401   403    204    404       204  403     403
  GET    /api/v1/webhook-endpoints/{id}/deliveries   401   403    200    404       200  403     403
  POST   /api/v1/webhook-endpoints/{id}/rotate-secret   401   403    200    404       200  403     403
  POST   /api/v1/webhook-deliveries/{id}/resend      401   403    202    404       202  403     403
  POST   /api/v1/webhooks/simulator                  400   400    400    400       400  400     400
  POST   /api/v1/webhooks/stripe                     404   404    404    404       404  404     404
  GET    /health/live                             200   200    200    200       200  200     200
  GET    /health/ready                            200   200    200    200       200  200     200
`;

/** What nobody has of anybody else's. */
const OWN = ['sessions', 'api-keys'];

/** Bodies in place of the documented examples, where those can be sent only once. */
const BODIES: Readonly<Record<string, (who: Actor & { password: string }) => unknown>> = {
  'POST /api/v1/auth/login': ({ email, password }) => ({ email, password }),
  'POST /api/v1/auth/email/change': ({ password }) => ({ email: someAccount().email, password }),
  'POST /api/v1/auth/mfa/totp': ({ password }) => ({ password }),
  'POST /api/v1/auth/mfa/totp/disable': ({ password }) => ({ password, code: '000000' }),
  'POST /api/v1/auth/mfa/recovery-codes': ({ password }) => ({ password, code: '000000' }),
  'POST /api/v1/auth/password/change': ({ password }) => ({ current_password: password, new_password: `${password}!` }),
  'POST /api/v1/auth/reauth': ({ password }) => ({ password }),
  'POST /api/v1/invitations': () => ({ email: someAccount().email }),
  'POST /api/v1/tenants': () => ({ name: someAccount().email }),
  'PATCH /api/v1/tenants/{id}': () => ({ requests_per_minute: 1_000_000 }),
  'POST /api/v1/users': () => someAccount(),
  'POST /api/v1/payments/{id}/capture': () => ({}),
  'PATCH /api/v1/users/me': () => ({ full_name: 'Ada King' }),
  'PATCH /api/v1/users/{id}': () => ({ full_name: 'Ada King' }),
};

const [heading = '', ...lines] = TABLE.trim().split('\n');
const CALLERS = heading.trim().split(/\s+/);
const ROWS = lines.map((line) => {
  const [method = '', path = '', ...statuses] = line.trim().split(/\s+/);
  return {
    name: `${method} ${path}`,
    statuses: Object.fromEntries(CALLERS.map((who, at) => [who, Number(statuses[at])])),
  };
});

const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;

let app: TestApp;
let access: Map<string, Access>;
let tenants: Readonly<Record<'first' | 'other', string>>;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
  access = declaredAccess(app);
  tenants = { first: await newTenant(app), other: await newTenant(app) };
  // Nobody who goes is the last one in charge.
  await insertUsers(app, [
    { tenant_id: tenants.first, role: 'admin' },
    { tenant_id: tenants.other, role: 'admin' },
  ]);
});

type Caller = Actor & { readonly password: string };

async function somebody(given: Partial<User>): Promise<Caller> {
  const [user] = await insertUsers(app, [{ email_verified: true, ...given }]);
  const [actor] = await signIn(app, [user!]);
  return { ...actor!, password: user!.password };
}

/** Whom a column stands for; nobody has been anybody before. */
const account = (who: string): Promise<Caller> => {
  if (who === 'platform') return somebody({ tenant_id: DEFAULT_TENANT_ID, role: 'platform_admin' });
  if (who === 'other') return somebody({ tenant_id: tenants.other, role: 'admin' });
  return somebody({ tenant_id: tenants.first, role: who === 'user' || who === 'anonymous' ? 'user' : 'admin' });
};

async function credential(who: string, caller: Caller, scopes: readonly string[]): Promise<string | undefined> {
  if (who === 'anonymous') return undefined;
  if (who === 'key') return caller.key;
  if (who !== 'lesser') return caller.token;
  const others = SCOPES.filter((scope: Scope) => !scopes.includes(scope));
  const [made] = await insertKeys(app, [{ ...caller, role: 'admin' }], others);
  return made!.key;
}

async function cell(operation: Operation, who: string): Promise<number> {
  const { method, path } = operation;
  const [caller, somebodyElse] = [await account(who), await somebody({ tenant_id: tenants.first })];
  const { scopes = [] } = access.get(`${method} ${path.replace('/api/v1', '').replaceAll(/\{(\w+)\}/g, ':$1')}`) ?? {};
  const token = await credential(who, caller, scopes);
  const id = await thingOf(app, path, OWN.includes(kindOf(path) ?? '') ? caller : somebodyElse);
  const { headers, body: example } = exampleOf(operation);
  const body = BODIES[nameOf(operation)]?.(caller) ?? example;
  const answer = await app.request(method, `~${pathTo(path, id)}`, { headers, body, ...(token && { token }) });
  expect({ who, faults: faultsOf(operation, answer), body: answer.body }).toMatchObject({ faults: [] });
  const secrets = path.endsWith('/mfa/totp') ? /argon2|_hash"/ : /argon2|_hash"|otpauth/;
  expect(answer.text).not.toMatch(secrets);
  return answer.status;
}

describe('the table', () => {
  it('has a row for every operation of the document, and none beside', () => {
    expect(ROWS.map(({ name }) => name).toSorted()).toEqual(operations.map(nameOf).toSorted());
  });

  it('has a status in every cell', () => {
    for (const { statuses } of ROWS) expect(Object.values(statuses).every(Number.isInteger)).toBe(true);
  });
});

describe('everybody is answered as the table says (SEC-31, SEC-34)', () => {
  it.each(ROWS)('$name', async ({ name, statuses }) => {
    const operation = operations.find((one) => nameOf(one) === name)!;
    const answers = CALLERS.map(async (who) => [who, await cell(operation, who)] as const);

    expect(Object.fromEntries(await Promise.all(answers))).toEqual(statuses);
  });
});
