import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { invite, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { EVENT, eventsOfRequest } from '../support/trail.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await app.admin();
});

const eventsOf = (request_id: string) => eventsOfRequest(app, request_id);

describe('each change to a tenant or an invitation is one event', () => {
  type Given = { tenant_id: string; invitation_id: string; email: string; token: string };
  type Do = (given: Given, headers: Record<string, string>) => Promise<any>;
  const patchTenant =
    (changes: object): Do =>
    ({ tenant_id }, headers) =>
      platform.patch(`/tenants/${tenant_id}`, changes, headers);
  const accept: Do = ({ token }, headers) =>
    app.request('POST', '/invitations/accept', {
      body: { token, password: 'a good long one', full_name: 'Ada' },
      headers,
    });

  const given = async (): Promise<Given> => {
    const tenant_id = await newTenant(app);
    const { id: invitation_id, email, token } = await invite(app, platform, { tenant_id });
    return { tenant_id, invitation_id, email, token };
  };

  it.each<[what: string, act: Do, events: object[]]>([
    [
      'a change of the number',
      patchTenant({ requests_per_minute: 7 }),
      [{ action: 'tenant_updated', subject_type: 'tenant', changes: ['requests_per_minute'] }],
    ],
    [
      'a new name',
      (one, headers) => patchTenant({ name: `Renamed ${randomUUID()}` })(one, headers),
      [{ action: 'tenant_updated', subject_type: 'tenant', changes: ['name'] }],
    ],
    [
      'a disabling',
      patchTenant({ status: 'disabled' }),
      [{ action: 'tenant_disabled', subject_type: 'tenant', changes: ['status'] }],
    ],
    [
      'a disabling and a number, for each its own',
      patchTenant({ status: 'disabled', requests_per_minute: 1 }),
      [
        { action: 'tenant_disabled', changes: ['status'] },
        { action: 'tenant_updated', changes: ['requests_per_minute'] },
      ],
    ],
    [
      'an invitation',
      ({ tenant_id }, headers) => platform.post('/invitations', { email: someAccount().email, tenant_id }, headers),
      [{ action: 'invitation_created', subject_type: 'invitation' }],
    ],
    [
      'one that supersedes another: both',
      ({ tenant_id, email }, headers) => platform.post('/invitations', { email, tenant_id }, headers),
      [
        { action: 'invitation_revoked', reason: 'superseded', subject_type: 'invitation' },
        { action: 'invitation_created', subject_type: 'invitation' },
      ],
    ],
    [
      'a revocation',
      ({ invitation_id }, headers) => platform.delete(`/invitations/${invitation_id}`, undefined, headers),
      [{ action: 'invitation_revoked', subject_type: 'invitation' }],
    ],
    [
      'an acceptance, by nobody that is known',
      accept,
      [
        {
          action: 'user_created',
          reason: 'invited',
          subject_type: 'user',
          actor_type: 'anonymous',
          actor_id: null,
          changes: ['role', 'email_verified'],
        },
      ],
    ],
    [
      'what is refused: none',
      async (one, headers) => {
        await accept(one, {});
        await accept(one, headers);
        await platform.delete(`/invitations/${one.invitation_id}`, undefined, headers);
        await platform.post('/invitations', { email: one.email, tenant_id: one.tenant_id }, headers);
        await platform.post('/invitations', { email: someAccount().email, tenant_id: randomUUID() }, headers);
        await platform.post('/tenants', { name: 'default' }, headers);
        await patchTenant({ name: 'default', status: 'disabled' })(one, headers);
        await patchTenant({ status: 'active' })(one, headers);
        await platform.patch(`/tenants/${DEFAULT_TENANT_ID}`, { status: 'disabled', requests_per_minute: 1 }, headers);
      },
      [],
    ],
  ])('%s', async (_, act, events) => {
    const scene = await given();
    const request_id = randomUUID();
    await act(scene, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toEqual(
      events.map((event) => ({
        ...EVENT,
        tenant_id: scene.tenant_id,
        actor_type: 'user',
        actor_id: platform.user.id,
        subject_type: 'tenant',
        subject_id: expect.any(String),
        ...event,
      })),
    );
  });

  it('a new tenant, in the trail of its own, and its enabling', async () => {
    const [made, enabled] = [randomUUID(), randomUUID()];
    const name = `Tenant ${made}`;
    const { body } = await platform.post('/tenants', { name, status: 'disabled' }, { 'x-request-id': made });
    await platform.patch(`/tenants/${body.id}`, { status: 'active' }, { 'x-request-id': enabled });
    const about = { tenant_id: body.id, subject_type: 'tenant', subject_id: body.id, actor_id: platform.user.id };

    expect(await eventsOf(made)).toMatchObject([{ ...about, action: 'tenant_created', changes: [] }]);
    expect(await eventsOf(enabled)).toMatchObject([{ ...about, action: 'tenant_enabled', changes: ['status'] }]);
  });
});
