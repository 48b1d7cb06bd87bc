import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { uuidv7 } from '../../src/common/uuid.js';
import { Timings } from '../../src/config/timings.js';
import { Database } from '../../src/database/database.js';
import { Outbox } from '../../src/database/outbox.js';
import { OutboxDelivery } from '../../src/database/outbox/outbox-delivery.js';
import { OutboxRepository } from '../../src/database/outbox/outbox.repository.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { startApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import {
  add,
  anEntry,
  failing,
  LONG,
  row,
  rows,
  SINK_MODULE,
  startWithSink,
  TOPIC,
  withStatus,
} from '../support/sink.js';
import { PATIENT } from '../support/visitors.js';

jest.setTimeout(120_000);

describe('what is added to the outbox', () => {
  it('is delivered when the transaction commits, and never when it does not', async () => {
    const { app, sink } = await startWithSink();
    const database = app.app.get(Database);
    const lost = database.asTenant(DEFAULT_TENANT_ID, () =>
      database.transaction(async () => {
        await app.app.get(Outbox).add(anEntry());
        throw new Error('rolled back');
      }),
    );
    await expect(lost).rejects.toThrow('rolled back');
    const kept = anEntry();
    await add(app, kept);

    await withStatus(app, 'sent');
    expect(sink.got.map(({ payload }) => payload)).toEqual([kept.payload]);
    await app.close();
  });

  it('is delivered once for each key of a topic, also when two write it at once', async () => {
    const { app, sink } = await startWithSink();
    const entry = anEntry();
    await Promise.all(Array.from({ length: 10 }, () => add(app, entry)));
    await withStatus(app, 'sent');
    await add(app, entry);

    expect(await rows(app)).toHaveLength(1);
    expect(sink.got).toHaveLength(1);
    await app.close();
  });

  it('of a topic that nobody here delivers waits for a process that does, and holds up nothing', async () => {
    const { app, sink } = await startWithSink();
    await add(app, { ...anEntry(), topic: 'elsewhere' });
    await add(app, anEntry());
    await eventually(() => sink.got.length === 1);

    const [waiting] = await app.sql(
      `SELECT status, attempts, dispatches, last_error FROM outbox WHERE topic = 'elsewhere'`,
    );
    expect(waiting).toEqual({ status: 'pending', attempts: 0, dispatches: 0, last_error: null });
    await app.close();
  });

  it('is not visible to another tenant, nor without a scope', async () => {
    const { app, sink } = await startWithSink();
    sink.deliver = failing;
    await add(app, anEntry());
    const database = app.app.get(Database);
    const count = () => database.run((manager) => manager.query<unknown[]>('SELECT * FROM outbox'));

    expect(await database.asTenant(DEFAULT_TENANT_ID, count)).toHaveLength(1);
    expect(await database.asTenant(uuidv7(), count)).toHaveLength(0);
    expect(await count()).toHaveLength(0);
    await app.close();
  });

  it('says nothing any more when the person is erased, and is not sent', async () => {
    const { app, sink } = await startWithSink();
    sink.deliver = failing;
    const [person, other] = [uuidv7(), uuidv7()];
    await add(app, anEntry({ subject_id: person }), anEntry({ subject_id: other }));
    const database = app.app.get(Database);
    await database.asTenant(DEFAULT_TENANT_ID, () => app.app.get(Outbox).erase(person));
    sink.deliver = () => Promise.resolve();

    await eventually(() => sink.got.some(({ subject_id }) => subject_id === other), LONG);
    expect(sink.got.some(({ subject_id }) => subject_id === person)).toBe(false);
    const [erased] = (await rows(app)).filter(({ subject_id }) => subject_id === person);
    expect(erased).toMatchObject({ status: 'sent', payload: null, key_id: null });
    await app.close();
  });
});

describe('a row that cannot be delivered', () => {
  it('is tried again and again, waiting longer each time, and tells of the error nothing but its kind', async () => {
    const { app, sink } = await startWithSink({ timings: { outbox_backoff_ms: 20, outbox_backoff_max_ms: 80 } });
    const began: number[] = [];
    sink.deliver = () => {
      began.push(Date.now());
      return failing();
    };
    await add(app, anEntry());
    await eventually(() => began.length >= 5, LONG);

    expect(await row(app)).toMatchObject({ status: 'pending', last_error: 'TypeError' });
    expect(began[4]! - began[3]!).toBeGreaterThanOrEqual(40);
    expect(app.logs.join('\n')).not.toContain('somebody@example.com');
    await app.close();
  });

  it('does not hold up the others (R18)', async () => {
    const { app, sink } = await startWithSink({ timings: { outbox_backoff_ms: 5_000, outbox_backoff_max_ms: 5_000 } });
    await app.sql(
      `INSERT INTO outbox (id, tenant_id, topic, dedupe_key, payload, key_id)
       SELECT gen_random_uuid(), $1, $2, 'poison ' || n, 'no ciphertext', '1' FROM generate_series(1, 150) n`,
      [DEFAULT_TENANT_ID, TOPIC],
    );
    await add(app, ...Array.from({ length: 20 }, () => anEntry()));

    await eventually(() => sink.got.length === 20, LONG);
    const poisoned = async () => (await rows(app)).filter(({ last_error }) => last_error === 'UnsealableError').length;
    await eventually(async () => (await poisoned()) === 150, LONG);
    await app.close();
  });

  it('is given up after its time, is counted as dead, and comes back by `npm run outbox:retry`', async () => {
    const { app, sink } = await startWithSink({ timings: { ...PATIENT, outbox_give_up_ms: 200 } });
    sink.deliver = failing;
    await add(app, anEntry(), anEntry());
    await withStatus(app, 'dead');
    const { outbox } = (await (await fetch(`${app.opsUrl}/health`)).json()) as { outbox: unknown };
    expect(outbox).toEqual({ pending: 0, dead: 2, oldest_pending_seconds: null });
    const gaveUp = /Gave up test [0-9a-f-]{36} after \d+ attempts: TypeError/;
    await eventually(() => expect(app.logs.filter((line) => gaveUp.test(line))).toHaveLength(2));

    sink.deliver = () => Promise.resolve();
    const command = join(import.meta.dirname, '../../dist/src/database/outbox/retry.main.js');
    const { NODE_ENV, POSTGRES_URL, DATA_DIR } = app.settings;
    const { stdout } = await promisify(execFile)(process.execPath, [command], {
      env: { NODE_ENV, POSTGRES_URL, DATA_DIR },
    });
    expect(stdout).toBe('Put back: 2\n');
    await withStatus(app, 'sent');
    expect(sink.got).toHaveLength(2);
    await app.close();
  });

  it('stays given up when the job that it was given up with comes again, until somebody asks for it', async () => {
    const { app, sink } = await startWithSink({ timings: { outbox_give_up_ms: 200 } });
    sink.deliver = failing;
    await add(app, anEntry());
    await withStatus(app, 'dead');
    sink.deliver = () => Promise.resolve();
    const { id, dispatches } = await row(app);
    const delivery = app.app.get(OutboxDelivery);
    await delivery.deliver({ id, dispatch: dispatches - 1 });
    expect(await row(app)).toMatchObject({ status: 'dead', dispatches });

    await delivery.deliver({ id, dispatch: dispatches - 1, revives: true });
    expect(await row(app)).toMatchObject({ status: 'sent' });
    expect(sink.got).toHaveLength(1);
    await app.close();
  });

  it('is tried at once when a process starts', async () => {
    const { app, sink } = await startWithSink({
      timings: { outbox_backoff_ms: 600_000, outbox_backoff_max_ms: 600_000 },
    });
    sink.deliver = failing;
    await add(app, anEntry());
    await eventually(async () => (await row(app)).last_error !== null, LONG);
    await app.close();

    const { POSTGRES_URL, MONGODB_URL = '', SECRET_KEY } = app.settings;
    const settings = { POSTGRES_URL, MONGODB_URL, SECRET_KEY: SECRET_KEY.get('1')! };
    const next = await startApp({ redis: 'none', modules: [SINK_MODULE], settings });
    await withStatus(app, 'sent');
    await next.close();
  });
});

describe('a dispatch', () => {
  it('is good for one attempt, however often the row is handed over', async () => {
    const { app, sink } = await startWithSink({ settings: { PROCESS_ROLE: 'api' } });
    const [repository, delivery] = [app.app.get(OutboxRepository), app.app.get(OutboxDelivery)];
    await add(app, anEntry());
    const claim = async () => (await repository.claim(TOPIC, 1, 0))[0]!;
    const first = await claim();
    expect(await claim()).toEqual(first);

    sink.deliver = failing;
    await delivery.deliver(first);
    sink.deliver = () => Promise.resolve();
    await delivery.deliver(first);
    expect(sink.got).toHaveLength(0);
    await app.sql('UPDATE outbox SET next_attempt_at = now()');
    const second = await claim();
    await Promise.all(Array.from({ length: 5 }, () => delivery.deliver(second)));
    expect(sink.got).toHaveLength(1);
    expect(await row(app)).toMatchObject({ status: 'sent', attempts: 2 });
    await app.close();
  });

  it('is void once a process has started that takes over what waits', async () => {
    const { app, sink } = await startWithSink({ settings: { PROCESS_ROLE: 'api' } });
    const [repository, delivery] = [app.app.get(OutboxRepository), app.app.get(OutboxDelivery)];
    await add(app, anEntry());
    const [lost] = await repository.claim(TOPIC, 1, 600_000);
    await repository.hurry([TOPIC]);
    const [found] = await repository.claim(TOPIC, 1, 0);

    await delivery.deliver(lost!);
    expect(sink.got).toHaveLength(0);
    await delivery.deliver(found!);
    expect(sink.got).toHaveLength(1);
    await app.close();
  });

  it('leaves a row alone that somebody is busy with, until the lease is over', async () => {
    const { app } = await startWithSink({ settings: { PROCESS_ROLE: 'api' } });
    const repository = app.app.get(OutboxRepository);
    await add(app, anEntry());
    const begin = async () => {
      const [claimed] = await repository.claim(TOPIC, 1, 0);
      return claimed && repository.begin(claimed, new Timings().outbox_lease_ms);
    };
    const late = (await begin())!;
    expect(await begin()).toBeUndefined();

    await app.sql(`UPDATE outbox SET lease_until = now() - interval '1 second'`);
    const busy = (await begin())!;
    await repository.failed(late, 'late', 0, 0);
    await repository.sent(late);
    expect(await row(app)).toMatchObject({ status: 'pending', last_error: null });
    await repository.sent(busy);
    expect(await row(app)).toMatchObject({ status: 'sent' });
    await app.close();
  });
});

describe('PostgreSQL going away', () => {
  it('between a delivery and its being written down does not deliver twice', async () => {
    const { app, sink } = await startWithSink();
    sink.deliver = async () => {
      await app.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user AND datname = current_database()`,
      );
    };
    await add(app, anEntry());

    await withStatus(app, 'sent');
    expect(sink.got).toHaveLength(1);
    expect((await row(app)).attempts).toBe(1);
    await app.close();
  });
});
