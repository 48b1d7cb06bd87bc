import { Agent, request } from 'node:http';
import fc from 'fast-check';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { Names } from '../../src/webhooks/targets/names.js';
import { insertUsers, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { shotsAt, type Known, type Shot } from '../support/arbitraries.js';
import { Cast, type Scene } from '../support/cast.js';
import type { Answer } from '../support/client.js';
import { faultsOf, requestFaults } from '../support/conformance.js';
import { openSession } from '../support/tokens.js';
import { operationAt, operations, type Operation } from '../support/document.js';
import { thingOf } from '../support/things.js';

/** For each operation and role; half of them the same in every run, half of them new. `npm run test:fuzz` makes it more. */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 200);
const NEW_SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const SEEDS = [1, NEW_SEED];

/** Longer than an answer takes on a machine that is busy: what hangs is found all the same. */
const PATIENCE_MS = 60_000;

/** Who asks, and as whom. */
const ROLES = {
  anonymous: 'user',
  user: 'user',
  admin: 'admin',
  'platform admin': 'platform_admin',
  'an API key': 'admin',
} as const;
type Asking = keyof typeof ROLES;

const agent = new Agent({ keepAlive: true });
let app: TestApp;
let foreign_tenant_id: string;
let known: Known;
beforeAll(async () => {
  process.stderr.write(`fuzz: ${REQUESTS} requests for each operation and role; again with FUZZ_SEED=${NEW_SEED}\n`);
  // A refresh token that means something does so to the end, however often it is sent.
  app = await startApp({ timings: { refresh_repeat_ms: 24 * 60 * 60 * 1_000 } });
  // Whatever address is made up for a webhook, nobody is asked.
  app.app.get(Names, { strict: false }).resolve = async () => [];
  foreign_tenant_id = await newTenant(app);
  const [account] = await insertUsers(app, [{ username: 'known' }]);
  const { email, password } = account!;
  known = {
    email: [email],
    password: [password],
    current_password: [password],
    username: ['known'],
    q: ['known'],
    refresh_token: [(await openSession(app, account)).refresh_token],
    tenant_id: [DEFAULT_TENANT_ID, foreign_tenant_id],
    currency: ['EUR', 'jpy'],
    payment_method: ['pm_sim_success', 'pm_sim_declined', 'pm_sim_3ds_required'],
  };
});
afterAll(() => agent.destroy());

describe('whatever is asked, the answer is one that the document tells (R14)', () => {
  it.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
    '%s',
    async (_, operation) => {
      await Promise.all(Object.keys(ROLES).map((asking) => fuzz(operation, asking as Asking)));
    },
    REQUESTS * 5_000,
  );
});

async function fuzz(operation: Operation, asking: Asking): Promise<void> {
  const cast = new Cast(app, ROLES[asking], foreign_tenant_id);
  let scene = await cast.next();
  const property = fc.asyncProperty(shotsAt(operation, known), async (shot) => {
    const answer = await fire(operation, shot, scene, asking);
    const isChanged = answer.status < 300 && operation.method !== 'GET';
    if (isChanged) scene = await cast.next();
    const faults = judge(operation, shot, answer, asking);
    if (faults.length > 0)
      throw new Error([`${asking} is answered ${answer.status}`, ...faults, answer.text].join('\n'));
  });
  for (const seed of SEEDS) await fc.assert(property, { seed, numRuns: REQUESTS / SEEDS.length });
}

function judge(operation: Operation, { target, headers, body }: Shot, answer: Answer, asking: Asking): string[] {
  const { status } = answer;
  // An id may spell another operation's name.
  const answering = operationAt(operation.method, target.split('?')[0]!) ?? operation;
  // A fault that was ordered from the simulator, by this very suite, is kept.
  const isOverload = status === 503 && ['overloaded', 'provider_unavailable'].includes(answer.body?.code);
  const isOwnToken = asking !== 'anonymous' && !headers.some(([name]) => name === 'authorization');
  // There it is the token of the body that is not valid.
  const isJudged = operation.operationId !== 'tokensRefresh';
  return [
    ...faultsOf(answering, answer),
    ...(status >= 500 && !isOverload ? ['no request may do that'] : []),
    ...(isOwnToken && isJudged && answer.body?.code === 'invalid_token' ? ['the token is valid'] : []),
    ...(status < 300 ? requestFaults(answering, target, body) : []),
  ];
}

/** With the ids of this scene in the place of those who are meant. */
async function aimed({ path }: Operation, { target }: Shot, scene: Scene): Promise<string> {
  const [meant, who] = /\{(own|other|foreign)\}/.exec(target) ?? [];
  return meant ? target.replaceAll(meant, await thingOf(app, path, scene[who as keyof Scene])) : target;
}

async function fire(operation: Operation, shot: Shot, scene: Scene, asking: Asking): Promise<Answer> {
  const { hostname, port, host } = new URL(app.url);
  const path = await aimed(operation, shot, scene);
  const body = shot.body === null ? null : Buffer.from(shot.body, 'latin1');
  const headers = [['host', host], ...shot.headers];
  if (body) headers.push(['content-length', String(body.length)]);
  const isNamed = shot.headers.some(([name]) => name === 'authorization');
  if (asking !== 'anonymous' && !isNamed)
    headers.push(['authorization', `Bearer ${scene.own[asking === 'an API key' ? 'key' : 'token']}`]);
  return new Promise((resolve, reject) => {
    const asked = request(
      { agent, hostname, port, method: operation.method, path, headers: headers.flat() },
      (incoming) => {
        incoming.setEncoding('utf8');
        let text = '';
        incoming.on('data', (chunk: string) => (text += chunk)).on('error', reject);
        incoming.on('end', () => {
          const isJson = /json/.test(incoming.headers['content-type'] ?? '');
          const pairs = Object.entries(incoming.headers).map(([name, value]): [string, string] => [
            name,
            String(value),
          ]);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: new Headers(pairs),
            body: isJson ? JSON.parse(text) : null,
            text,
          });
        });
      },
    );
    asked.setTimeout(PATIENCE_MS, () => asked.destroy(new Error(`No answer within ${PATIENCE_MS} ms`)));
    asked.on('error', reject).end(body ?? undefined);
  });
}
