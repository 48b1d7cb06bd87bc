import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { Client, succeed } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { describeWithRedis } from '../support/engines.js';
import { startProcess, type TestProcess } from '../support/process.js';
import { ADMIN } from '../support/stage.js';
import { Wire } from '../support/wire.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await Client.logIn(conforming(app.send), ADMIN);
});

const someName = (): string => `Tenant ${randomUUID()}`;
const newOne = async (given: object = {}): Promise<any> =>
  succeed(await platform.post('/tenants', { name: someName(), ...given }));

describe('a disabled tenant', () => {
  const close = (id: string) => platform.patch(`/tenants/${id}`, { status: 'disabled' });
  const open = (id: string) => platform.patch(`/tenants/${id}`, { status: 'active' });

  it('refuses its users from the next request on, and at login as if there were none', async () => {
    const { id } = await newOne();
    const people = [await member(app, id), await member(app, id, 'admin')];
    expect((await close(id)).body.status).toBe('disabled');

    for (const one of people) {
      expect((await one.get('/users/me')).body).toMatchObject({ status: 401, code: 'invalid_token' });
      expect(
        (await app.request('POST', '/auth/login', { body: { email: one.email, password: one.password } })).body,
      ).toMatchObject({ status: 401, code: 'invalid_credentials' });
    }
  });

  it('lets them in again once it is active', async () => {
    const { id } = await newOne();
    const user = await member(app, id);
    await close(id);
    await open(id);

    expect((await user.get('/users/me')).status).toBe(200);
    expect((await user.again()).user.id).toBe(user.user.id);
  });

  it('takes nobody in, and the default one neither, until it is active', async () => {
    const own = await startApp({ database: 'own' });
    const chief = await member(own, await newTenant(own), 'platform_admin');
    expect((await chief.patch(`/tenants/${DEFAULT_TENANT_ID}`, { status: 'disabled' })).status).toBe(200);
    const signUp = () => own.request('POST', '/users', { body: someAccount() });

    expect((await signUp()).body).toMatchObject({ status: 403, code: 'forbidden' });
    await chief.patch(`/tenants/${DEFAULT_TENANT_ID}`, { status: 'active' });
    expect((await signUp()).status).toBe(201);
    await own.close();
  });
});

describe('the last platform admin who can come in', () => {
  let own: TestApp;
  let first: Client;
  beforeAll(async () => {
    own = await startApp({ database: 'own' });
    first = await own.admin();
  });

  const setStatus = (by: Client, id: string, status: string) => by.patch(`/tenants/${id}`, { status });

  it('is not locked out with the own tenant', async () => {
    expect((await setStatus(first, DEFAULT_TENANT_ID, 'disabled')).body).toMatchObject({
      status: 409,
      code: 'last_admin',
    });
    const closed = await newTenant(own);
    await insertUsers(own, [{ tenant_id: closed, role: 'platform_admin' }]);
    await setStatus(first, closed, 'disabled');

    expect((await setStatus(first, DEFAULT_TENANT_ID, 'disabled')).body.code).toBe('last_admin');
  });

  it('does not count who belongs to a tenant that is disabled: nobody is demoted, disabled or deleted for them', async () => {
    const closed = await newTenant(own);
    await insertUsers(own, [
      { tenant_id: closed, role: 'platform_admin' },
      { tenant_id: DEFAULT_TENANT_ID, role: 'admin' },
    ]);
    await setStatus(first, closed, 'disabled');

    expect((await first.delete('/users/me')).body).toMatchObject({ status: 409, code: 'last_admin' });
    await setStatus(first, closed, 'active');
    const [other] = await insertUsers(own, [{ tenant_id: await newTenant(own), role: 'platform_admin' }]);
    await insertUsers(own, [{ tenant_id: other!.tenant_id, role: 'admin' }]);
    expect((await first.patch(`/users/${other!.id}`, { role: 'user' })).status).toBe(200);
    expect((await setStatus(first, closed, 'disabled')).status).toBe(200);
  });

  it('stays when two of them close each other at once, twenty times out of twenty', async () => {
    const tenants = [await newTenant(own), await newTenant(own)];
    const chiefs = await Promise.all(tenants.map((id) => member(own, id, 'platform_admin')));
    await own.users.change({ email: ADMIN.email }, { status: 'disabled' });
    for (let round = 1; round <= 20; round++) {
      const answers = await Promise.all([
        setStatus(chiefs[0]!, tenants[1]!, 'disabled'),
        setStatus(chiefs[1]!, tenants[0]!, 'disabled'),
      ]);

      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status } of answers) expect([200, 401, 403, 409]).toContain(status);
      await own.sql(`UPDATE tenants SET status = 'active' WHERE id = ANY($1)`, [tenants]);
    }
    await own.users.change({ email: ADMIN.email }, { status: 'active' });
  });
});

describeWithRedis('two processes that have lost Redis', () => {
  it('both refuse the users of a disabled tenant at the next request (SEC-24)', async () => {
    const wire = await Wire.to(app.settings.REDIS_URL!);
    const settings = { REDIS_URL: wire.url, REDIS_CACHE_URL: wire.url };
    const processes: TestProcess[] = await Promise.all([startProcess({ settings }), startProcess({ settings })]);
    const { id } = await newOne();
    const user = await member(app, id);
    const ask = () =>
      Promise.all(processes.map(async ({ send }) => (await send('GET', '/users/me', { token: user.token })).status));
    await wire.cut();
    expect(await ask()).toEqual([200, 200]);

    for (const { send } of processes) {
      const chief = await Client.logIn(send, ADMIN);
      succeed(await chief.patch(`/tenants/${id}`, { status: 'disabled' }));
      expect(await ask()).toEqual([401, 401]);
      succeed(await chief.patch(`/tenants/${id}`, { status: 'active' }));
      expect(await ask()).toEqual([200, 200]);
    }
    await Promise.all(processes.map((one) => one.kill('SIGTERM')));
  });
});
