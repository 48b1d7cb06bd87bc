import { Injectable } from '@nestjs/common';
import { Database } from '../../src/database/database.js';
import { DeliversOutbox, Outbox, type OutboxEntry, type OutboxMessage } from '../../src/database/outbox.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { startApp, type AppOptions, type TestApp } from './app.js';
import { eventually } from './eventually.js';
import { sharedStage } from './stage.js';

/** Delivered by the {@link Sink}; there is no queue for it. */
export const TOPIC = 'test';

/** Delivers to the test itself. */
@Injectable()
export class Sink {
  readonly got: OutboxMessage[] = [];
  deliver: (message: OutboxMessage, signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  @DeliversOutbox(TOPIC)
  async take(message: OutboxMessage, signal: AbortSignal): Promise<void> {
    await this.deliver(message, signal);
    this.got.push(message);
  }
}

export const SINK_MODULE = { module: class SinkModule {}, providers: [Sink] };

/** An app that delivers the topic of the test in its own process, on a database of its own. */
export async function startWithSink({ timings, ...options }: AppOptions = {}): Promise<{ app: TestApp; sink: Sink }> {
  const app = await startApp({
    database: 'own',
    redis: 'none',
    modules: [SINK_MODULE],
    timings: { outbox_lease_ms: 60_000, ...timings },
    ...options,
  });
  return { app, sink: app.app.get(Sink, { strict: false }) };
}

let entries = 0;
export const anEntry = (changes: Partial<OutboxEntry> = {}): OutboxEntry => ({
  topic: TOPIC,
  tenant_id: DEFAULT_TENANT_ID,
  dedupe_key: `entry ${++entries}`,
  payload: { number: entries },
  ...changes,
});

/** Writes as a feature does: in a transaction of its tenant. */
export const add = (app: TestApp, ...given: OutboxEntry[]): Promise<void> => {
  const [database, outbox] = [app.app.get(Database), app.app.get(Outbox)];
  return database.asTenant(DEFAULT_TENANT_ID, () =>
    database.transaction(async () => {
      for (const entry of given) await outbox.add(entry);
    }),
  );
};

export interface Row {
  readonly subject_id: string | null;
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly dispatches: number;
  readonly last_error: string | null;
  readonly payload: Buffer | null;
}

export const rows = (app: TestApp): Promise<Row[]> => app.sql<Row>('SELECT * FROM outbox ORDER BY id');
export const row = async (app: TestApp): Promise<Row> => (await rows(app))[0]!;
/** For what waits behind other tests for the machine. */
export const LONG = { within: 60_000 };

/** Until every row has it. */
export const withStatus = (app: TestApp, status: string) =>
  eventually(async () => (await rows(app)).every((one) => one.status === status), LONG);

/** Nobody waits for it: the leases of a process that has died have run out. Nobody else may be working. */
export const leasesEnd = async (): Promise<unknown> =>
  (await sharedStage()).database.query(
    'superuser',
    `UPDATE outbox SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL`,
  );

/** With an address in its message, as errors of mail servers have. */
export const failing = async (): Promise<never> => {
  throw new TypeError('somebody@example.com said something');
};
