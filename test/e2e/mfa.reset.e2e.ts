import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers, member, newTenant, rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { Guarded } from '../support/second-factor.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  Object.assign(app, { send: conforming(app.send) });
  platform = await app.admin();
});

const events = async (user_id: string): Promise<string[]> => {
  const rows = await app.sql(
    `SELECT concat_ws(' ', action, outcome) AS event FROM audit_events
     WHERE subject_id = $1 AND action <> 'user_created' ORDER BY at, id`,
    [user_id],
  );
  return rows.map(({ event }) => event);
};

describe('POST /users/{id}/mfa/reset', () => {
  const reset = (by: Client, id: string): Promise<Answer> => by.post(`/users/${id}/mfa/reset`);

  it('helps who has lost the app: every session ends, a mail, one event, and the password alone lets in', async () => {
    const admin = await app.tenantAdmin();
    const ada = await Guarded.signUp(app);
    const [waiting] = [await ada.challenge(), await ada.again()];
    const code = await ada.code();

    expect(await reset(admin, ada.id)).toMatchObject({ status: 204, text: '' });
    expect((await ada.client.get('/users/me')).body.code).toBe('invalid_token');
    await app.mail(ada.client.email, 'Two-step sign-in was turned off');
    const [{ actor_id }] = await app.sql(
      `SELECT actor_id FROM audit_events WHERE subject_id = $1 AND action = 'mfa_disabled'`,
      [ada.id],
    );
    expect(actor_id).toBe(admin.user.id);
    expect((await events(ada.id)).filter((event) => event === 'mfa_disabled success')).toHaveLength(1);
    const late = await app.send('POST', '/auth/login/mfa', { body: { mfa_token: waiting, code } });
    expect(late.body.code).toBe('invalid_mfa_code');
    expect((await ada.client.again()).user.mfa_enabled).toBe(false);
  });

  it('changes nothing where there is nothing', async () => {
    const ada = await app.signUp();

    expect((await reset(platform, ada.user.id)).status).toBe(204);
    expect((await ada.get('/users/me')).status).toBe(200);
    expect(await events(ada.user.id)).toEqual(['authn_login_success success']);
  });

  it('is for admins, whatever the id (role before existence)', async () => {
    const ada = await app.signUp();

    for (const id of [ada.user.id, randomUUID(), 'nonexistent']) {
      expect((await reset(ada, id)).body).toMatchObject({ status: 403, code: 'forbidden' });
    }
  });

  it('is not for the own account: that would be a way around the code', async () => {
    const admin = await Guarded.enrol(app, await app.tenantAdmin());

    expect((await reset(admin.client, admin.id)).body).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await admin.client.get('/users/me')).body.mfa_enabled).toBe(true);
  });

  it("reaches the own tenant only, and no platform admin's account but a platform admin's hand", async () => {
    const admin = await app.tenantAdmin();
    const foreign = await member(app, await newTenant(app));
    const [chief] = await insertUsers(app, [{ role: 'platform_admin', tenant_id: DEFAULT_TENANT_ID }]);

    for (const id of [foreign.user.id, randomUUID(), 'nonexistent']) {
      expect((await reset(admin, id)).body).toMatchObject({ status: 404, code: 'user_not_found' });
    }
    expect((await reset(admin, chief!.id)).body).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await reset(platform, foreign.user.id)).status).toBe(204);
    expect((await reset(platform, chief!.id)).status).toBe(204);
  });
});

describe('a deleted account', () => {
  it('leaves nothing of its second factor', async () => {
    const ada = await Guarded.signUp(app);
    await ada.challenge();
    await platform.delete(`/users/${ada.id}`);

    for (const row of await rowsHolding(app, [ada.id])) expect(row).toMatch(/^(audit_events|outbox): /);
  });
});
