import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { lockWaits, whileUserHeld } from '../support/connections.js';
import { Guarded } from '../support/second-factor.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await app.admin();
});

const finish = (mfa_token: string, code: string): Promise<Answer> =>
  app.send('POST', '/auth/login/mfa', { body: { mfa_token, code } });
const sessions = async ({ id }: Guarded): Promise<number> =>
  (await app.sql('SELECT 1 FROM sessions WHERE user_id = $1', [id])).length;

describe('a login that is held up between its two steps', () => {
  const byAdmin =
    (method: string, path: string, body?: object) =>
    ({ id }: Guarded): Promise<Answer> =>
      platform.request(method, `/users/${id}${path}`, { body });
  const CHANGES: [what: string, change: (ada: Guarded) => Promise<Answer>][] = [
    ['disabled', byAdmin('PATCH', '', { status: 'disabled' })],
    ['demoted', byAdmin('PATCH', '', { role: 'user' })],
    ['given another address', (ada) => byAdmin('PATCH', '', { email: someAccount().email })(ada)],
    ['deleted', byAdmin('DELETE', '')],
    ['without the second factor', byAdmin('POST', '/mfa/reset')],
  ];

  it.each(CHANGES)('gets nothing once the user is %s (SEC-24)', async (_, change) => {
    const ada = await Guarded.enrol(app, await app.tenantAdmin());
    const [token, code] = [await ada.challenge(), await ada.code()];
    expect((await change(ada)).status).toBeLessThan(300);

    expect((await finish(token, code)).body.code).toBe('invalid_mfa_code');
    expect(await sessions(ada)).toBeLessThan(2);
    expect(await app.sql('SELECT 1 FROM mfa_challenges WHERE user_id = $1', [ada.id])).toEqual([]);
  });

  it.each(CHANGES)(
    'gets nothing that outlasts it when the user is %s at the same moment (SEC-24)',
    async (_, change) => {
      const ada = await Guarded.enrol(app, await app.tenantAdmin());
      const [token, code] = [await ada.challenge(), await ada.code()];
      const waiting: Promise<Answer>[] = [];
      await whileUserHeld(app, ada.id, async () => {
        waiting.push(finish(token, code));
        await lockWaits(app, 1);
        waiting.push(change(ada));
        await lockWaits(app, 2);
      });
      const [login, changed] = await Promise.all(waiting);

      expect(changed!.status).toBeLessThan(300);
      expect([200, 401]).toContain(login!.status);
      const access = await app.send('GET', '/users', { token: login!.body.access_token ?? 'none' });
      expect(access.status).toBeGreaterThanOrEqual(401);
    },
  );

  it('gets nothing once the tenant is closed', async () => {
    const ada = await Guarded.signUp(app);
    const token = await ada.challenge();
    await app.sql(`UPDATE tenants SET status = 'disabled'`);
    const answer = await finish(token, await ada.code());
    const { email, password } = ada.client;
    const first = await app.send('POST', '/auth/login', { body: { email, password } });
    await app.sql(`UPDATE tenants SET status = 'active'`);

    expect(answer.body.code).toBe('invalid_mfa_code');
    expect(first.body.code).toBe('invalid_credentials');
  });
});
