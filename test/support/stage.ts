import { randomBytes } from 'node:crypto';
import { readSettings } from '../../src/config/read-settings.js';
import { Settings } from '../../src/config/settings.js';
import type { Timings } from '../../src/config/timings.js';
import { variables } from '../../src/config/variable.js';
import { Inbox } from '../../src/dev/inbox.js';
import { atEnd } from './clean-up.js';
import type { Account } from './client.js';
import { emptyRedis, engines, temporaryFolder, TestDatabase } from './engines.js';

/** What the apps of one test file share: with it they are replicas of one service. */
export interface Stage {
  readonly database: TestDatabase;
  readonly inbox: Inbox;
  readonly redisUrl: string | null;
  readonly secret: string;
}

/** Texts, as the environment would have them. */
export type TestSettings = Partial<Record<keyof Settings, string>>;

/** The first platform admin of every database. */
export const ADMIN: Account = { email: 'admin@example.com', password: 'correct horse battery staple' };

export const SHORT_TIMINGS: Partial<Timings> = {
  drain_ms: 0,
  shutdown_ms: 5_000,
  outbox_poll_ms: 250,
  user_writes_ms: 250,
  outbox_redispatch_ms: 500,
  // Longer than a mail takes on a machine that is busy: else it is sent twice.
  outbox_lease_ms: 40_000,
  outbox_backoff_ms: 50,
  outbox_backoff_max_ms: 100,
  smtp_timeout_ms: 20_000,
  // Nobody is sent away since this machine is busy; who wants that says how soon.
  hash_wait_ms: 60_000,
  request_ms: 120_000,
  // A machine that is busy takes its time to connect; who waits for a pool that is full on purpose says how long.
  pool_wait_ms: 10_000,
  // Longer than a request takes on a machine that is busy.
  payment_lease_ms: 8_000,
  payment_grace_ms: 10_000,
  reconcile_step_ms: 200,
  simulator_delay_ms: 150,
  // The night's comparison comes where somebody asks for it, and not in the middle of a test that takes long.
  sweep_poll_ms: 3_600_000,
  webhook_poll_ms: 250,
  // Longer than a receiver on a machine that is busy takes: else it is told twice.
  webhook_timeout_ms: 10_000,
  webhook_lease_ms: 20_000,
  webhook_backoff_ms: [50, 100, 200, 400, 800, 1_600, 3_200],
};

/**
 * What works behind the payments looks often only where somebody pays: test/support/payments.ts sees to it. Everywhere
 * else it would be most of what a process under test does.
 */
export const lookAfterPayments = (): object =>
  Object.assign(SHORT_TIMINGS, { reconcile_poll_ms: 250, simulator_poll_ms: 150 });

const stages: Promise<Stage>[] = [];
let shared: Promise<Stage> | undefined;

/** @param database - one that is there already; else a new one. */
export function newStage(database?: TestDatabase): Promise<Stage> {
  const stage = setStage(stages.length, database);
  stages.push(stage);
  return stage;
}

/** The file's own: made when its first app starts. */
export const sharedStage = (): Promise<Stage> => (shared ??= newStage());

async function setStage(index: number, given?: TestDatabase): Promise<Stage> {
  const [database, redisUrl, inbox] = await Promise.all([
    given ?? TestDatabase.create(),
    emptyRedis(index),
    Inbox.start({ directory: temporaryFolder() }),
  ]);
  return { database, redisUrl, inbox, secret: randomBytes(32).toString('base64url') };
}

atEnd(async () => {
  shared = undefined;
  for (const stage of stages.splice(0)) await (await stage).inbox.stop();
});

/** The settings of an app under test, as texts: neither the environment nor `.env` is looked at. */
export function rawSettings({ database, inbox, redisUrl, secret }: Stage, changes: TestSettings = {}): TestSettings {
  const limits = [...variables()].filter(([name]) => name.startsWith('RATE_LIMIT_'));
  return {
    ...Object.fromEntries(limits.map(([name, { default: standard = '' }]) => [name, generous(standard)])),
    NODE_ENV: 'test',
    LOG_LEVEL: 'trace',
    POSTGRES_URL: database.url('app'),
    POSTGRES_OWNER_URL: database.url('owner'),
    REDIS_URL: redisUrl ?? '',
    MONGODB_URL: engines().users === 'mongodb' ? (database.mongoUrl ?? '') : '',
    SMTP_URL: inbox.url,
    SECRET_KEY: secret,
    ADMIN_EMAIL: ADMIN.email,
    ADMIN_PASSWORD: ADMIN.password,
    DATA_DIR: temporaryFolder(),
    ...changes,
  };
}

/** With any free port for the operators, which an operator has no use for. */
export const testSettings = (stage: Stage, changes: TestSettings): Settings =>
  Object.freeze(Object.assign(new Settings(), readSettings(rawSettings(stage, changes)), { OPS_PORT: 0 }));

/** No test stumbles over a limit that it does not set. */
const generous = (standard: string): string => (standard.includes('/') ? '1000000/1s' : '1000000');
