import { CacheAside } from '../../src/cache/cache-aside.js';
import { Keyring } from '../../src/common/keyring.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { Settings } from '../../src/config/settings.js';
import { Database } from '../../src/database/database.js';
import { SealedData } from '../../src/database/sealing/sealed-data.js';
import { profileKey } from '../../src/redis/keys.js';
import { AccountChanges } from '../../src/users/account-changes.js';
import { UserDocuments } from '../../src/users/mongo/user-documents.mongoose.js';
import { UserWrites } from '../../src/users/mongo/user-writes.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { connected, setScope } from '../support/connections.js';
import { describeWithMongo } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { sharedStage } from '../support/stage.js';
import { RARELY, dies, inMongo, logIn, pending, start } from '../support/two-stores.js';

/** Each starts a process or two. */
jest.setTimeout(240_000);

/** Ends every session in whose transaction nothing is asked just now, as PostgreSQL does when that goes on for too long. */
const endSleepers = (app: TestApp): Promise<unknown[]> =>
  app.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction'`,
  );

describeWithMongo('a write that is put down after its transaction was ended', () => {
  let app: TestApp;
  let admin: Client;
  beforeAll(async () => {
    app = await start();
    admin = await app.admin();
  });
  afterAll(() => app.close());

  /** A change of the name to Eve, whose transaction is ended before it puts down what it is going to do. */
  const changeLate = async ({ user: { id: user_id } }: Client, meanwhile: () => Promise<unknown>): Promise<void> => {
    const [documents, writes] = [UserDocuments, UserWrites].map((type) =>
      app.app.get<any>(type, { strict: false }),
    ) as [UserDocuments, UserWrites];
    const plan = async () => {
      const before = (await documents.findToWrite(user_id, 1))!;
      await endSleepers(app);
      await meanwhile();
      const user = Object.assign({ ...before.user }, { full_name: 'Eve' });
      const apply = (written_by: string) => documents.change(user_id, 1, { version: 2, written_by, user });
      return { user_id, tenant_id: user.tenant_id, before, version: 2, names: [], apply };
    };
    const late = app.app.get(Database).asSystem(() => writes.write(user_id, plan));
    await expect(late).rejects.toThrow();
    await eventually(async () => {
      await writes.settle();
      return (await pending(app)).length === 0;
    });
  };

  it('undoes no change that was committed in the meantime', async () => {
    const ada = await app.signUp();
    await changeLate(ada, () => ada.patch('/users/me', { full_name: 'Ada King' }));

    expect((await ada.get('/users/me')).body).toMatchObject({ full_name: 'Ada King' });
    expect((await ada.patch('/users/me', { full_name: 'Ada Byron' })).status).toBe(200);
  });

  it('brings back nobody who was deleted in the meantime', async () => {
    const ada = await app.signUp();
    await changeLate(ada, () => admin.delete(`/users/${ada.user.id}`));

    expect((await admin.get(`/users/${ada.user.id}`)).status).toBe(404);
    expect(await app.users.find({ id: ada.user.id })).toEqual([]);
    expect((await app.send('POST', '/users', { body: { ...someAccount(), email: ada.email } })).status).toBe(201);
  });

  it('leaves the user as it was where nobody has written in the meantime', async () => {
    const ada = await app.signUp();
    await changeLate(ada, async () => undefined);

    expect((await ada.get('/users/me')).body).toMatchObject({ full_name: ada.user.full_name });
    expect((await ada.patch('/users/me', { full_name: 'Ada King' })).status).toBe(200);
  });
});

describeWithMongo('a change that is rolled back', () => {
  it('leaves no copy of what somebody saw of it', async () => {
    const app = await start();
    const ada = await app.signUp();
    const { id } = ada.user;
    const [users, database, accounts] = [
      app.app.get(UsersRepository),
      app.app.get(Database),
      app.app.get(AccountChanges, { strict: false }),
    ];
    await app.app.get(CacheAside, { strict: false }).drop(profileKey(ada.user.tenant_id, id), 60_000);
    const failed = new Error('on purpose');
    const change = async () => {
      const user = (await users.update(id, 1, { full_name: 'Eve' }))!;
      await accounts.publish({ action: 'user_updated', user, changes: ['full_name'] });
      expect((await ada.get('/users/me')).body).toMatchObject({ full_name: 'Eve' });
      throw failed;
    };

    await expect(database.asSystem(() => database.transaction(change))).rejects.toBe(failed);
    expect((await ada.get('/users/me')).body).toMatchObject({ full_name: ada.user.full_name });
    await app.close();
  });
});

describeWithMongo('a process that sleeps while it undoes', () => {
  it.each(['a sign-up', 'a change'])(
    'and wakes after %s was undone and more was committed undoes none of it',
    async (what) => {
      const app = await start();
      const [ada, admin] = [await app.signUp(), await app.admin()];
      const path = `/users/${ada.user.id}`;
      const account = someAccount();
      await dies('user.written', (send) =>
        what === 'a change'
          ? send('PATCH', path, { body: { full_name: 'Eve' }, token: admin.token })
          : send('POST', '/users', { body: account }),
      );
      // It undoes as soon as it starts, and is there only when that is done.
      const sleeper = await startProcess({
        stop_at: 'user.taken-back',
        settings: { ...(await inMongo()), PROCESS_ROLE: 'api' },
        timings: RARELY,
      });
      await endSleepers(app);
      // The session that was ended may hold the write for a moment.
      await eventually(async () => {
        await app.app.get(UserWrites, { strict: false }).settle();
        return (await pending(app)).length === 0;
      });
      if (what === 'a change') expect((await admin.delete(path)).status).toBe(204);
      else expect((await app.send('POST', '/users', { body: account })).status).toBe(201);
      sleeper.wake();
      await sleeper.stopped;

      expect((await admin.get(path)).status).toBe(what === 'a change' ? 404 : 200);
      expect(await app.users.find({ id: ada.user.id })).toHaveLength(what === 'a change' ? 0 : 1);
      expect((await logIn(app, account)).status).toBe(what === 'a change' ? 401 : 200);
      await sleeper.kill();
      await app.close();
    },
  );
});

// The last one here: what it leaves is sealed by a key that no other app of this file has.
describeWithMongo('`npm run keys:reseal`', () => {
  it('hides no write that was broken off, however long it waits for one that is under way', async () => {
    const fresh = `2:${'fresh-'.repeat(4)}0123456789abcdef`;
    const SECRET_KEY = `1:${(await sharedStage()).secret},${fresh}`;
    const app = await startApp({ settings: { ...(await inMongo()), SECRET_KEY }, timings: RARELY });
    const [ada, admin] = [await app.signUp(), await app.admin()];
    const ring = new Map([...app.settings.SECRET_KEY].toReversed());
    const rotated = new Keyring(Object.assign(new Settings(), { SECRET_KEY: ring }));
    await dies('user.written', (send) =>
      send('PATCH', `/users/${ada.user.id}`, { body: { role: 'admin' }, token: admin.token }),
    );
    const underWay = uuidv7();
    await app.sql(
      `INSERT INTO user_writes (id, tenant_id, user_id, version, before, key_id, locks)
       SELECT $1, tenant_id, $2, 9, before, key_id, ARRAY[0]::bigint[] FROM user_writes`,
      [underWay, admin.user.id],
    );
    const atIt = `SELECT 1 FROM user_writes WHERE key_id = '2' UNION ALL
      SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await connected(app.settings.POSTGRES_URL, async (other) => {
      await other.query(`BEGIN; ${setScope('system')}`);
      await other.query('DELETE FROM user_writes WHERE id = $1', [underWay]);
      const resealing = new SealedData(app.app.get(Database), rotated).reseal();
      await eventually(async () => (await app.sql(atIt)).length > 0);
      const again = await app.logIn(ada);
      await other.query('COMMIT');
      expect(await resealing).toMatchObject({ user_writes: expect.any(Number) });
      await eventually(async () => {
        await app.app.get(UserWrites, { strict: false }).settle();
        return (await pending(app)).length === 0;
      });

      expect((await again.get('/users')).status).toBe(403);
      expect((await admin.get(`/users/${ada.user.id}`)).body).toMatchObject({ role: 'user' });
    });
    await app.close();
  });
});
