import { Retention } from '../../src/database/retention/retention.js';
import { ExportsGathering } from '../../src/exports/exports.gathering.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { changeAccount, insertUsers, member, newTenant, resetPassword } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { succeed, type Answer, type Client } from '../support/client.js';
import { lockWaits, whileUserHeld } from '../support/connections.js';
import { eventually } from '../support/eventually.js';
import { download, exported, exportMails, exportsOf, nextToken } from '../support/exports.js';
import { settled } from '../support/links.js';
import { startProcess } from '../support/process.js';
import { UNHURRIED_MAIL } from '../support/sign-ups.js';
import { leasesEnd } from '../support/sink.js';

// A process of its own takes a while to start.
jest.setTimeout(120_000);

let app: TestApp;
let platform: Client;
/** Called while a document is written and its transaction is not over. */
let written: () => Promise<void> = () => Promise.resolve();
beforeAll(async () => {
  app = await startApp({ checkpoints: (name) => (name === 'export.written' ? written() : Promise.resolve()) });
  platform = await app.admin();
});
afterEach(() => (written = () => Promise.resolve()));

type Act = (ada: Client) => Promise<unknown>;

const reset: Act = ({ user }) => resetPassword(app, user.id);
const disable: Act = async ({ user }) => succeed(await platform.patch(`/users/${user.id}`, { status: 'disabled' }));
const remove: Act = async ({ user }) => succeed(await platform.delete(`/users/${user.id}`));

const setTenant = async (id: string, status: 'active' | 'disabled'): Promise<unknown> =>
  succeed(await platform.patch(`/tenants/${id}`, { status }));

const ENDINGS: [what: string, act: Act][] = [
  ['a reset of the password', reset],
  [
    'a new password',
    ({ user }) => changeAccount(app, user.id, { password_hash: 'another' }, { action: 'authn_password_change' }),
  ],
  ['a new address', ({ user }) => platform.patch(`/users/${user.id}`, { email: someAccount().email })],
  ['a disabling', disable],
  ['a deletion', remove],
];

/** Nothing is to be fetched, to be gathered or to be mailed. */
async function expectNothing({ user }: Client): Promise<void> {
  expect(await app.sql('SELECT * FROM exports WHERE user_id = $1', [user.id])).toEqual([]);
  expect(await app.sql('SELECT 1 FROM export_pieces WHERE export_id NOT IN (SELECT id FROM exports)')).toEqual([]);
}

const nothingWaits = ({ user }: Client) =>
  eventually(async () => {
    const waiting = await app.sql('SELECT 1 FROM outbox WHERE subject_id = $1 AND payload IS NOT NULL', [user.id]);
    return waiting.length === 0;
  });

describe('an export ends with', () => {
  it.each(ENDINGS)('%s', async (_, act) => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    await act(ada);

    expect((await download(app, token)).body).toMatchObject({ status: 422, code: 'token_invalid' });
    await expectNothing(ada);
  });

  it('nothing less: a new name, a logout', async () => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    succeed(await ada.patch('/users/me', { full_name: 'Ada King' }));
    succeed(await ada.post('/auth/logout'));

    expect((await download(app, token)).status).toBe(200);
  });

  it('a disabling of its tenant, for as long as that lasts', async () => {
    const tenant_id = await newTenant(app);
    const token = await exported(app, await member(app, tenant_id));
    await setTenant(tenant_id, 'disabled');

    expect((await download(app, token)).body).toMatchObject({ status: 422, code: 'token_invalid' });
    await setTenant(tenant_id, 'active');
    expect((await download(app, token)).status).toBe(200);
  });

  it('its 24 hours: then it is swept, with its pieces', async () => {
    const [ada, bob] = [await app.signUp(), await app.signUp()];
    const tokens = [await exported(app, ada), await exported(app, bob)];
    await app.sql(
      `UPDATE exports SET created_at = created_at - interval '25 hours', expires_at = now() - interval '1 second'
       WHERE user_id = $1`,
      [ada.user.id],
    );
    expect(await app.app.get(Retention).sweep()).toMatchObject({ exports: 1 });

    await expectNothing(ada);
    expect((await download(app, tokens[1]!)).status).toBe(200);
  });
});

describe('an export that is being gathered', () => {
  /** Up to its last step. @returns what lets it go on. */
  async function begun(ada: Client): Promise<() => void> {
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const reached = new Promise<void>((resolve) => {
      written = () => {
        resolve();
        return held;
      };
    });
    succeed(await ada.post('/users/me/export'));
    await reached;
    return goOn;
  }

  it.each(ENDINGS)('keeps %s waiting for nothing, and comes to nothing', async (what, act) => {
    const ada = await app.signUp();
    await app.mail(ada.email, 'Welcome!');
    const goOn = await begun(ada);
    await act(ada);
    goOn();

    await nothingWaits(ada);
    await expectNothing(ada);
    expect([what, exportMails(app, ada)]).toEqual([what, []]);
  });

  it('comes to nothing when its tenant is disabled, and may be asked for again once that is over', async () => {
    const tenant_id = await newTenant(app);
    const ada = await member(app, tenant_id);
    const goOn = await begun(ada);
    written = () => Promise.resolve();
    await setTenant(tenant_id, 'disabled');
    goOn();

    await nothingWaits(ada);
    await expectNothing(ada);
    expect(exportMails(app, ada)).toEqual([]);
    await setTenant(tenant_id, 'active');
    expect((await download(app, await exported(app, ada))).status).toBe(200);
  });

  it('shows one moment, and starts over when the account has changed since', async () => {
    const ada = await app.signUp();
    const goOn = await begun(ada);
    written = () => Promise.resolve();
    succeed(await ada.patch('/users/me', { full_name: 'Ada King' }));
    goOn();
    const { body } = await download(app, await nextToken(app, ada));

    expect(body.account).toMatchObject([{ full_name: 'Ada King' }]);
    expect(body.audit_events.at(-1)).toMatchObject({ action: 'user_updated' });
    expect(exportMails(app, ada)).toHaveLength(1);
  });

  it('is gathered once, however often it is delivered', async () => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    const [row] = await exportsOf(app, ada);
    const message = { id: row.id, tenant_id: row.tenant_id, subject_id: ada.user.id, created_at: new Date() };
    const again = { ...message, payload: { export_id: row.id as string } };
    await app.app.get(ExportsGathering).gather(again, new AbortController().signal);

    expect(await exportsOf(app, ada)).toEqual([row]);
    expect((await download(app, token)).status).toBe(200);
  });

  it('leaves nothing when it is told to stop', async () => {
    const ada = await app.signUp();
    const idle = await startApp({ database: 'own', settings: { PROCESS_ROLE: 'api' } });
    const bob = await idle.signUp();
    succeed(await bob.post('/users/me/export'));
    const [{ id, tenant_id }] = await exportsOf(idle, bob);
    const message = { id, tenant_id, subject_id: ada.user.id, created_at: new Date(), payload: { export_id: id } };

    await expect(idle.app.get(ExportsGathering).gather(message, AbortSignal.abort())).rejects.toThrow('aborted');
    expect(await exportsOf(idle, bob)).toMatchObject([{ status: 'pending' }]);
    expect(await idle.sql('SELECT 1 FROM export_pieces')).toEqual([]);
    await idle.close();
  });
});

describe('a request for an export that races with', () => {
  /** Both wait for the user's row, one behind the other, and are then let go. */
  async function inTurn<A, B>(id: string, first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
    const [one, other] = await whileUserHeld(app, id, async () => {
      const begunFirst = first();
      await lockWaits(app, 1);
      const begunSecond = second();
      await lockWaits(app, 2);
      return [begunFirst, begunSecond] as const;
    });
    return [await one, await other];
  }

  const cases: [what: string, act: Act][] = [
    ['a reset', reset],
    ['a disabling', disable],
    ['a deletion', remove],
  ];

  it.each(cases)('%s, and comes first, comes to nothing', async (_, act) => {
    const ada = await app.signUp();
    await app.mail(ada.email, 'Welcome!');
    const ask = (): Promise<Answer> => ada.post('/users/me/export');
    const [{ status }] = await inTurn(ada.user.id, ask, () => act(ada));

    expect(status).toBe(202);
    await nothingWaits(ada);
    await expectNothing(ada);
  });

  it.each(cases)('%s, and comes second, is refused', async (_, act) => {
    const ada = await app.signUp();
    await app.mail(ada.email, 'Welcome!');
    const ask = (): Promise<Answer> => ada.post('/users/me/export');
    const [, { body }] = await inTurn(ada.user.id, () => act(ada), ask);

    expect(body).toMatchObject({ status: 401, code: 'invalid_token' });
    await nothingWaits(ada);
    await expectNothing(ada);
  });

  it('changes without end is given up', async () => {
    const ada = await app.signUp();
    const held = jest.spyOn(app.app.get(UsersRepository), 'holdVersion').mockResolvedValue(false);
    const { status, body } = await ada.post('/users/me/export');
    held.mockRestore();

    expect([status, body.code]).toEqual([503, 'unavailable']);
    await expectNothing(ada);
  });
});

describe('a process that is killed', () => {
  it.each(['outbox.claimed', 'outbox.queued', 'export.written'])(
    'at %s has lost nothing: the export is gathered and mailed, once',
    async (die_at) => {
      // What is left over would be what it dies of.
      await settled(app);
      await app.close();
      const api = await startApp({ settings: { PROCESS_ROLE: 'api' } });
      const [account] = await insertUsers(api, [{}]);
      const ada = await api.logIn(account!);
      const doomed = await startProcess({ die_at, timings: UNHURRIED_MAIL });
      succeed(await ada.post('/users/me/export'));
      expect((await doomed.exit).signal).toBe('SIGKILL');
      expect(await exportsOf(api, ada)).toMatchObject([{ status: 'pending' }]);
      await leasesEnd();
      const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' }, timings: UNHURRIED_MAIL });

      const { body } = await download(api, await nextToken(api, ada));
      expect(body.account).toMatchObject([{ email: ada.email }]);
      await eventually(async () => (await api.sql(`SELECT 1 FROM outbox WHERE status <> 'sent'`)).length === 0);
      expect(exportMails(api, ada)).toHaveLength(1);
      const [{ pieces }] = await exportsOf(api, ada);
      expect(
        await api.sql('SELECT 1 FROM export_pieces p JOIN exports e ON e.id = p.export_id WHERE user_id = $1', [
          ada.user.id,
        ]),
      ).toHaveLength(pieces);
      await Promise.all([api.close(), worker.close()]);
    },
  );
});
