import { migrate } from '../../src/database/migrate.js';
import { someAccount, startApp } from '../support/app.js';
import { connected, emptyDatabase, superUrlOf } from '../support/connections.js';
import { eventually } from '../support/eventually.js';
import { ADMIN } from '../support/stage.js';

describe('the first admin', () => {
  it('comes in all the same where the database is migrated when the process has started already', async () => {
    const urls = await emptyDatabase();
    // With users in MongoDB there is no such start: users.two-stores.starts.e2e.ts.
    const settings = { POSTGRES_URL: urls.appUrl, POSTGRES_OWNER_URL: urls.ownerUrl, MONGODB_URL: '' };
    const app = await startApp({ settings, timings: { first_admin_ms: 500 } });
    await migrate(urls);

    await eventually(() =>
      connected(superUrlOf(urls.appUrl), async (client) => {
        const { rows } = await client.query(`SELECT 1 FROM users WHERE role = 'platform_admin'`);
        return rows.length === 1;
      }),
    );
    expect((await (await app.admin()).get('/users/me')).body).toMatchObject({ role: 'platform_admin' });
  });

  it('is not looked for again where somebody else has the address: the log says so once', async () => {
    const first = await startApp({ settings: { ADMIN_PASSWORD: '' } });
    const { password, full_name } = someAccount();
    expect((await first.send('POST', '/users', { body: { ...ADMIN, password, full_name } })).status).toBe(201);
    const next = await startApp({ timings: { first_admin_ms: 100 } });

    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const told = next.logs.filter((line) => /first admin|platform admin/.test(line));
    expect(told).toEqual([expect.stringContaining('ADMIN_EMAIL is the address of somebody who is none')]);
  });
});
