import { randomUUID } from 'node:crypto';
import type { User } from '../../src/users/user.entity.js';
import { Retention } from '../../src/database/retention/retention.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { accept, insertUsers, invite, member, newTenant, rowsHolding } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { Client, succeed, type Answer } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { lockWaits, whileLocked } from '../support/connections.js';
import { download, exported } from '../support/exports.js';
import { ADMIN } from '../support/stage.js';
import { PATIENT } from '../support/visitors.js';

let app: TestApp;
let platform: Client;
let tenant_id: string;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await Client.logIn(conforming(app.send), ADMIN);
  tenant_id = await newTenant(app);
  admin = await member(app, tenant_id, 'admin');
});

const { password } = someAccount();
const TOKEN_INVALID = { status: 422, code: 'token_invalid' };

const expire = (id: string) =>
  app.sql(`UPDATE invitations SET expires_at = created_at + interval '1 millisecond' WHERE id = $1`, [id]);

const someAddress = () => ({ email: someAccount().email });

describe('POST /invitations/accept', () => {
  it('works once, also when many try at once', async () => {
    const { token, email } = await invite(app, admin);
    const answers = await Promise.all(Array.from({ length: 10 }, () => accept(app, token)));

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const { status, body } of answers) {
      if (status !== 201) expect(['email_taken', 'token_invalid']).toContain(body.code);
    }
    expect(await app.users.find({ email })).toHaveLength(1);
    expect((await accept(app, token)).body).toMatchObject(TOKEN_INVALID);
  });

  it('refuses a token that is unknown or expired', async () => {
    const { id, token } = await invite(app, admin);
    await expire(id);

    for (const one of [token, 'unknown', 'a'.repeat(43), ' ']) {
      expect((await accept(app, one)).body).toMatchObject(TOKEN_INVALID);
    }
  });

  it('refuses what a sign-up refuses, and leaves the invitation as it is', async () => {
    const [taken] = [await app.signUp({ username: 'taken_by_ada' })];
    const { token } = await invite(app, admin);

    expect((await accept(app, token, { password: 'short' })).body.errors).toMatchObject([{ pointer: '#/password' }]);
    expect((await accept(app, token, { full_name: ' ' })).body.errors).toMatchObject([{ pointer: '#/full_name' }]);
    for (const more of [{ email: 'other@example.com' }, { role: 'admin' }, { tenant_id: DEFAULT_TENANT_ID }]) {
      expect((await accept(app, token, more)).body.errors).toMatchObject([{ code: 'unknown_field' }]);
    }
    expect((await accept(app, token, { username: taken.user.username })).body.code).toBe('username_taken');
    expect((await accept(app, token)).status).toBe(201);
  });

  it('is a 409 when somebody has the address by now', async () => {
    const { token, email } = await invite(app, admin);
    await app.signUp({ email });

    expect((await accept(app, token)).body).toMatchObject({ status: 409, code: 'email_taken' });
  });

  it('is limited as a sign-up is', async () => {
    const limited = await startApp({ database: 'own', settings: { RATE_LIMIT_SIGNUP: '2/1m' }, timings: PATIENT });
    const answers: number[] = [];
    for (let sent = 0; sent < 3; sent++) {
      const { status } = await limited.request('POST', '/invitations/accept', {
        body: { token: 'unknown', password, full_name: 'Ada' },
      });
      answers.push(status);
    }

    expect(answers).toEqual([422, 422, 429]);
    await limited.close();
  });

  it('is not for a credential that proves nothing, and asks for none', async () => {
    const { token } = await invite(app, admin);
    const body = { token, password, full_name: 'Ada' };

    expect((await app.request('POST', '/invitations/accept', { body, token: 'nonsense' })).body.code).toBe(
      'invalid_token',
    );
    expect((await app.request('POST', '/invitations/accept', { body, token: admin.token })).status).toBe(201);
  });
});

describe('whoever invited', () => {
  type Fate = (inviter: Client, home: string) => Promise<unknown>;
  const FATES: [what: string, fate: Fate][] = [
    ['was demoted', (inviter) => platform.patch(`/users/${inviter.user.id}`, { role: 'user' })],
    ['was disabled', (inviter) => platform.patch(`/users/${inviter.user.id}`, { status: 'disabled' })],
    ['was deleted', (inviter) => platform.delete(`/users/${inviter.user.id}`)],
    ['belongs to a tenant that was disabled', (_, home) => platform.patch(`/tenants/${home}`, { status: 'disabled' })],
  ];

  async function scene(): Promise<{ home: string; inviter: Client; token: string }> {
    const home = await newTenant(app);
    await insertUsers(app, [{ tenant_id: home, role: 'admin' }]);
    const inviter = await member(app, home, 'admin');
    return { home, inviter, token: (await invite(app, inviter, { role: 'admin' })).token };
  }

  it.each(FATES)('and %s invites nobody any more', async (_, fate) => {
    const { home, inviter, token } = await scene();
    succeed((await fate(inviter, home)) as Answer);

    expect((await accept(app, token)).body).toMatchObject(TOKEN_INVALID);
  });

  it('as a platform admin and is an admin now still invites into the own tenant, to be no more than that', async () => {
    const home = await newTenant(app);
    const chief = await member(app, home, 'platform_admin');
    const [own, high, far] = [
      await invite(app, chief, { role: 'admin' }),
      await invite(app, chief, { role: 'platform_admin' }),
      await invite(app, chief, { tenant_id }),
    ];
    succeed(await platform.patch(`/users/${chief.user.id}`, { role: 'admin' }));

    expect((await accept(app, high.token)).body).toMatchObject(TOKEN_INVALID);
    expect((await accept(app, far.token)).body).toMatchObject(TOKEN_INVALID);
    expect((await accept(app, own.token)).status).toBe(201);
  });

  it.each(FATES)('and %s while the acceptance waits invites nobody either', async (_, fate) => {
    const { home, inviter, token } = await scene();
    const waiting: Promise<unknown>[] = [];
    await whileLocked(app, 'SELECT 1 FROM tenants WHERE id = $1 FOR UPDATE', [home], async () => {
      waiting.push(fate(inviter, home));
      await lockWaits(app, 1);
      waiting.push(accept(app, token));
      await lockWaits(app, 2);
    });
    const [done, accepted] = (await Promise.all(waiting)) as [Answer, Answer];

    expect(done.status).toBeLessThan(300);
    expect(accepted.body).toMatchObject(TOKEN_INVALID);
  });

  it('invites into no tenant that is disabled by then', async () => {
    const home = await newTenant(app);
    const { token } = await invite(app, platform, { tenant_id: home });
    succeed(await platform.patch(`/tenants/${home}`, { status: 'disabled' }));
    expect((await accept(app, token)).body).toMatchObject(TOKEN_INVALID);

    succeed(await platform.patch(`/tenants/${home}`, { status: 'active' }));
    expect((await accept(app, token)).body.tenant_id).toBe(home);
  });
});

describe('an invitation', () => {
  it('leaves nothing of a person whose account is deleted', async () => {
    const [one, other] = [await invite(app, admin), await newTenant(app)];
    const { body } = await accept(app, one.token);
    await app.users.change({ id: body.id }, { role: 'admin' });
    const ada = await app.logIn({ email: one.email, password });
    const theirs = await invite(app, ada);
    // Sent before the address had an owner, and never accepted.
    await app.sql(
      `INSERT INTO invitations (id, tenant_id, email, role, token_hash, invited_by, expires_at)
       VALUES ($1, $2, $3, 'user', '\\x00', $4, now() + interval '1 day')`,
      [randomUUID(), other, one.email, platform.user.id],
    );
    const { email } = succeed(await platform.patch(`/users/${body.id}`, someAddress()));
    await app.users.change({ id: body.id }, { email: one.email, email_verified: true });
    succeed(await platform.delete(`/users/${body.id}`));

    expect(await rowsHolding(app, [one.email, email])).toEqual([]);
    const left = await rowsHolding(app, [body.id]);
    for (const row of left) expect(row).toMatch(/^(audit_events|outbox): /);
    const [{ status, invited_by }] = await app.sql('SELECT * FROM invitations WHERE id = $1', [theirs.id]);
    expect([status, invited_by]).toEqual(['revoked', null]);
    expect((await accept(app, theirs.token)).body).toMatchObject(TOKEN_INVALID);
  });

  it('goes with the address that it was accepted for, though the person has another by now', async () => {
    const { token, email } = await invite(app, admin);
    const { body } = await accept(app, token);
    succeed(await platform.patch(`/users/${body.id}`, someAddress()));
    succeed(await platform.delete(`/users/${body.id}`));

    expect(await rowsHolding(app, [email])).toEqual([]);
  });

  it('outlives an account that somebody has made, and given up, under the address of the invited', async () => {
    const { token, email } = await invite(app, admin);
    const stranger = await app.signUp({ email, password });
    succeed(await stranger.delete('/users/me'));

    expect((await accept(app, token)).status).toBe(201);
  });

  it("is told to whoever came by it, and to whoever sent it without the other's address", async () => {
    const { id, token, email } = await invite(app, admin);
    const { body } = await accept(app, token);
    const ada = await app.logIn({ email, password });
    const toldTo = async (who: Client) => (await download(app, await exported(app, who))).body;
    const [theirs, ours] = [await toldTo(ada), await toldTo(admin)];

    expect(theirs.invitations).toEqual([expect.objectContaining({ id, email, role: 'user', status: 'accepted' })]);
    expect(ours.invitations).toContainEqual(expect.objectContaining({ id, email: null, status: 'accepted' }));
    expect(JSON.stringify(ours)).not.toContain(email);
    expect(theirs.account).toMatchObject([{ id: body.id }]);
  });

  it('is deleted a month after its time was over, whatever became of it', async () => {
    const kept = await invite(app, admin);
    const over = await invite(app, admin);
    await expire(kept.id);
    await app.sql(
      `UPDATE invitations SET created_at = now() - interval '40 days', expires_at = now() - interval '31 days' WHERE id = $1`,
      [over.id],
    );
    await app.app.get(Retention).sweep();
    const left = await app.sql('SELECT id FROM invitations WHERE id = ANY($1)', [[kept.id, over.id]]);

    expect(left).toEqual([{ id: kept.id }]);
  });

  it.each<User['role']>(['user', 'admin', 'platform_admin'])('makes exactly a %s', async (role) => {
    const { token } = await invite(app, platform, { role, tenant_id });

    expect((await accept(app, token)).body.role).toBe(role);
  });
});
