import { randomUUID } from 'node:crypto';
import type { Actor } from './cast.js';
import type { TestApp } from './app.js';
import type { Operation } from './document.js';
import { insertDelivery, insertEndpoint } from './webhooks.js';

type Find = (owner: Actor, app: TestApp) => string | Promise<string>;

/** What is somebody's, by the name that stands before its `{id}` in a path; what few ask for is made when it is asked for. */
const THINGS: Readonly<Record<string, Find>> = {
  users: ({ id }) => id,
  sessions: ({ session_id }) => session_id,
  'api-keys': ({ api_key_id }) => api_key_id,
  tenants: ({ empty_tenant_id }) => empty_tenant_id,
  invitations: ({ invitation_id }) => invitation_id,
  payments: ({ payment_id }) => payment_id,
  refunds: ({ refund_id }) => refund_id,
  disputes: ({ dispute_id }) => dispute_id,
  'webhook-endpoints': once((owner, app) => insertEndpoint(app, owner)),
  'webhook-deliveries': once((owner, app) => insertDelivery(app, owner)),
};

/** Everybody has one, and keeps it. */
function once(make: (owner: Actor, app: TestApp) => Promise<string>): Find {
  const made = new WeakMap<Actor, Promise<string>>();
  return (owner, app) => {
    const one = made.get(owner) ?? make(owner, app);
    made.set(owner, one);
    return one;
  };
}

/** What the `{id}` of a path is an id of; undefined where it has none. */
export const kindOf = (path: string): string | undefined => /([^/]+)\/\{id\}/.exec(path)?.[1];

/** The id of something of somebody's, of the kind that a path wants. */
export async function thingOf(app: TestApp, path: string, owner: Actor): Promise<string> {
  const find = THINGS[kindOf(path) ?? 'users'];
  if (!find) throw new Error(`What is meant by the id in ${path}? Say it in THINGS, in test/support/things.ts`);
  return find(owner, app);
}

/** What stands in a path beside an id. */
const WORDS: Readonly<Record<string, string>> = { code: 'sales' };

/** A path with this id in it, and with words in the other places. */
export const pathTo = (path: string, id: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'id' ? id : (WORDS[name] ?? name)));

/** A request as the document shows it: with the example of its body, and the headers that it must have. */
export function exampleOf({ requestBody, parameters }: Operation): { body?: unknown; headers: Record<string, string> } {
  const { example, examples } = requestBody?.content['application/json'] ?? {};
  const body = example ?? Object.values(examples ?? {})[0]?.value;
  const required = parameters.filter((parameter) => parameter.in === 'header' && parameter.required);
  const headers = Object.fromEntries(required.map(({ name }) => [name, randomUUID()]));
  return { headers, ...(body !== undefined && { body }) };
}
