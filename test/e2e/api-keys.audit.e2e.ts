import { randomUUID } from 'node:crypto';
import { newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { newKey, verifiedMember, type MadeKey } from '../support/keys.js';

describe('the trail', () => {
  let app: TestApp;
  let user: Client;
  beforeAll(async () => {
    app = await startApp();
    user = await verifiedMember(app, await newTenant(app), 'admin');
  });

  const eventsOf = (request_id: string) =>
    app.sql(
      `SELECT actor_type, actor_id, action, subject_type, subject_id, outcome, reason
       FROM audit_events WHERE request_id = $1 ORDER BY id`,
      [request_id],
    );

  it.each<[action: string, act: (key: MadeKey, headers: Record<string, string>) => Promise<Answer>]>([
    ['apikey_rotated', ({ id }, headers) => user.post(`/auth/api-keys/${id}/rotate`, undefined, headers)],
    ['apikey_revoked', ({ id }, headers) => user.delete(`/auth/api-keys/${id}`, undefined, headers)],
    ['apikey_created', (_, headers) => user.post('/auth/api-keys', { name: 'x' }, headers)],
  ])('has one event: %s', async (action, act) => {
    const key = await newKey(user);
    const request_id = randomUUID();
    const { body } = await act(key, { 'x-request-id': request_id });
    const event = { actor_type: 'user', actor_id: user.user.id, action, outcome: 'success', reason: null };

    expect(await eventsOf(request_id)).toEqual([{ ...event, subject_type: 'api_key', subject_id: body?.id ?? key.id }]);
  });

  it('has none of what did not happen', async () => {
    const request_id = randomUUID();
    const headers = { 'x-request-id': request_id };
    await user.post(
      '/auth/api-keys',
      { name: 'x', scopes: ['users:read'], expires_at: '2020-01-01T00:00:00Z' },
      headers,
    );
    await user.delete(`/auth/api-keys/${randomUUID()}`, undefined, headers);
    await user.post(`/auth/api-keys/${randomUUID()}/rotate`, undefined, headers);

    expect(await eventsOf(request_id)).toEqual([]);
  });

  it('says of each key that it went with the rights', async () => {
    const demoted = await verifiedMember(app, user.user.tenant_id, 'admin');
    const { id } = await newKey(demoted);
    await newKey(demoted, { scopes: ['payments:read'] });
    const request_id = randomUUID();
    await (await app.admin()).patch(`/users/${demoted.user.id}`, { role: 'user' }, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toMatchObject([
      { action: 'authz_change', subject_id: demoted.user.id },
      { action: 'apikey_revoked', reason: 'authz_change', subject_type: 'api_key', subject_id: id },
    ]);
  });

  it('names the key where a key was refused, not its owner (SEC-35)', async () => {
    const { id, key } = await newKey(user);
    const request_id = randomUUID();
    await app.request('GET', '/users/me', { token: key, headers: { 'x-request-id': request_id } });

    expect(await eventsOf(request_id)).toEqual([
      {
        actor_type: 'api_key',
        actor_id: id,
        action: 'authz_fail',
        subject_type: 'request',
        subject_id: null,
        outcome: 'failure',
        reason: 'forbidden',
      },
    ]);
  });
});
