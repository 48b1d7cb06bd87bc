import { migrate } from '../../src/database/migrate.js';
import { Database } from '../../src/database/database.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { connected } from '../support/connections.js';
import { engines } from '../support/engines.js';
import { times } from '../support/visitors.js';

/** What PgBouncer says of a database. */
interface Pool {
  readonly database: string;
  readonly cl_active: number;
  readonly sv_active: number;
  readonly sv_idle: number;
}

const { pool, appUrl: ofTemplate } = engines();
if (!pool) throw new Error('This is a part of npm run test:cluster');

const pools = (): Promise<Pool[]> => {
  const url = Object.assign(new URL(ofTemplate), { pathname: '/pgbouncer' }).href;
  return connected(url, async (client) => (await client.query<Pool>('SHOW POOLS')).rows);
};

// All of e2e goes this way too: see bin/test.mjs.
describe('by way of PgBouncer, which gives a connection for a transaction', () => {
  it('tenants that ask at once by few connections see their own rows, and nothing is left of a scope', async () => {
    const app = await startApp({ database: 'own' });
    const tenants = await Promise.all([newTenant(app), newTenant(app), newTenant(app)]);
    const admins: Client[] = [];
    for (const id of tenants) admins.push(await member(app, id, 'admin'));
    const database = app.app.get(Database);
    const unscoped = (): Promise<unknown[]> => database.run((manager) => manager.query('SELECT id FROM users'));
    const seen = await times(300, async (turn) => {
      const admin = admins[turn % 3]!;
      const people = succeed(await admin.get('/users')).data.map(({ id }: { id: string }) => id);
      return people.join() === admin.user.id && (await unscoped()).length === 0;
    });

    expect(new Set(seen)).toEqual(new Set([true]));
    const [ours] = (await pools()).filter(({ database: name }) => app.settings.POSTGRES_URL.endsWith(`/${name}`));
    expect(Number(ours?.sv_active) + Number(ours?.sv_idle)).toBeLessThanOrEqual(pool.connections);
    expect(Number(ours?.cl_active)).toBeGreaterThan(pool.connections);
    await app.close();
  });

  it('takes as long as the role may take, since no session of ours can say so', async () => {
    const app = await startApp({ database: 'own' });
    const shown = await app.app.get(Database).call('SHOW statement_timeout');

    expect(shown).toEqual([{ statement_timeout: `${pool.milliseconds / 1_000}s` }]);
    await app.close();
  });

  it('the owner goes to the server itself: migrations hold a lock of their session', async () => {
    const app = await startApp({ database: 'own' });
    const { POSTGRES_OWNER_URL: ownerUrl, POSTGRES_URL: appUrl } = app.settings;

    expect(new URL(ownerUrl).port).not.toBe(new URL(appUrl).port);
    const reports = await times(4, () => migrate({ ownerUrl, appUrl }));
    expect(reports.flatMap(({ drift }) => drift)).toEqual([]);
    await app.close();
  });
});
