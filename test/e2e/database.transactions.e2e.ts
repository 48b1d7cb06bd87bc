import { UnavailableError, ValidationError } from '../../src/common/service-error.js';
import { Database } from '../../src/database/database.js';
import { newTenant, insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { Signal } from '../support/signal.js';

let app: TestApp;
let database: Database;
let ours: string;
let theirs: string;
let users: { id: string }[];

beforeAll(async () => {
  app = await startApp({ settings: { MONGODB_URL: '' } });
  database = app.app.get(Database);
  [ours, theirs] = [await newTenant(app), await newTenant(app)];
  users = await insertUsers(app, [{ tenant_id: ours }, { tenant_id: theirs }]);
});

const query = <Row = any>(sql: string, parameters: unknown[] = []): Promise<Row[]> =>
  database.run((manager) => manager.query<Row[]>(sql, parameters));

/** Whose users the running code sees. */
const inSight = async (): Promise<string> => {
  const rows = await query<{ tenant_id: string }>('SELECT tenant_id FROM users WHERE tenant_id = ANY($1)', [
    [ours, theirs],
  ]);
  const seen = rows.map(({ tenant_id }) => (tenant_id === ours ? 'ours' : 'theirs'));
  return seen.toSorted().join(' and ') || 'none';
};

const nameOf = async (id: string): Promise<string> =>
  (await app.sql('SELECT full_name FROM users WHERE id = $1', [id]))[0].full_name;
const rename = (id: string, name: string) => query('UPDATE users SET full_name = $2 WHERE id = $1', [id, name]);

describe('a scope', () => {
  it('is none where nobody has entered one', async () => {
    expect(await inSight()).toBe('none');
  });

  it('is what was entered by name', async () => {
    expect(await database.asTenant(ours, inSight)).toBe('ours');
    expect(await database.asSystem(inSight)).toBe('ours and theirs');
    expect(await database.asTenant(ours, () => database.asTenant(theirs, inSight))).toBe('theirs');
  });

  it.each([
    ['without a transaction', <T>(work: () => Promise<T>) => work()],
    ['within one', <T>(work: () => Promise<T>) => database.transaction(work)],
  ])('is the outer one again after an inner one has ended, well or badly, %s', async (_, around) => {
    await database.asTenant(ours, () =>
      around(async () => {
        expect(await database.asSystem(inSight)).toBe('ours and theirs');
        expect(await inSight()).toBe('ours');
        await expect(database.asSystem(() => Promise.reject(new RangeError()))).rejects.toThrow(RangeError);
        expect(await inSight()).toBe('ours');
        await expect(database.asTenant(theirs, () => Promise.reject(new RangeError()))).rejects.toThrow(RangeError);
        expect(await inSight()).toBe('ours');
      }),
    );
  });

  it('never stays on a connection: not after success, not after a failure, not after a failed statement', async () => {
    const rush = Array.from({ length: 60 }, (_, turn) =>
      database
        .asSystem(async () => {
          if (turn % 3 === 0) return inSight();
          if (turn % 3 === 1) return database.transaction(() => Promise.reject(new RangeError()));
          return database.transaction(() => query('SELECT 1 / 0'));
        })
        .catch(() => undefined),
    );
    const after = Array.from({ length: 30 }, async (_, turn) => {
      await rush[turn];
      return inSight();
    });
    await Promise.all(rush);

    expect(new Set(await Promise.all(after))).toEqual(new Set(['none']));
    const settings = await Promise.all(
      Array.from({ length: 30 }, () =>
        database.call<{ scope: string }>(
          `SELECT concat(current_setting('app.system', true), current_setting('app.tenant_id', true)) AS scope`,
        ),
      ),
    );
    expect(new Set(settings.flat().map(({ scope }) => scope))).toEqual(new Set(['']));
  });

  it('is no place for anything but an id', async () => {
    await expect(database.asTenant(`${ours}'; DROP TABLE users; --`, inSight)).rejects.toThrow('must be a UUID');
  });
});

describe('a transaction', () => {
  const fails = (): Promise<never> => Promise.reject(new RangeError());
  const inOne = <T>(work: () => Promise<T>): Promise<T> => database.asSystem(() => database.transaction(work));

  it('keeps all or nothing', async () => {
    const { id } = users[0]!;
    await expect(inOne(() => rename(id, 'Half done').then(fails))).rejects.toThrow(RangeError);
    expect(await nameOf(id)).toBe('Ada Lovelace');

    await inOne(() => rename(id, 'Done'));
    expect(await nameOf(id)).toBe('Done');
  });

  it('takes in what is begun within it', async () => {
    const { id } = users[0]!;
    const inner = () => database.asTenant(ours, () => database.transaction(() => rename(id, 'Joined')));

    await expect(inOne(() => inner().then(fails))).rejects.toThrow(RangeError);
    expect(await nameOf(id)).not.toBe('Joined');
  });

  it('cannot be saved once a statement has failed', async () => {
    const { id } = users[0]!;
    const work = inOne(async () => {
      await database.asTenant(ours, () => query('SELECT 1 / 0')).catch(() => undefined);
      await rename(id, 'Too late');
    });

    await expect(work).rejects.toThrow(/aborted/);
    expect(await nameOf(id)).not.toBe('Too late');
  });

  it('tells what waits for its end only when it is durable', async () => {
    const { id } = users[0]!;
    const told: string[] = [];
    const announce = (what: string) =>
      database.afterCommit(() => void nameOf(id).then((name) => told.push(`${what} ${name}`)));

    await expect(
      inOne(async () => {
        announce('never');
        await fails();
      }),
    ).rejects.toThrow(RangeError);
    await inOne(async () => {
      await rename(id, 'Durable');
      announce('committed');
      expect(told).toEqual([]);
    });

    await eventually(() => expect(told).toEqual(['committed Durable']));
  });

  it('is tried again when it has met another one head-on', async () => {
    const [one, other] = users as [{ id: string }, { id: string }];
    const [both, over] = [0, 1].map(() => [new Signal(), new Signal()]);
    const tries = [0, 0];
    const cross = (turn: number, first: string, second: string) =>
      inOne(async () => {
        tries[turn]! += 1;
        // Whoever comes again holds nothing, and here lets the other one through: else they might meet once more.
        if (tries[turn]! > 1) await over![1 - turn]!.given;
        await rename(first, `Crossed ${turn}`);
        both![turn]!.give();
        await both![1 - turn]!.given;
        await rename(second, `Crossed ${turn}`);
      }).then(() => over![turn]!.give());
    await Promise.all([cross(0, one.id, other.id), cross(1, other.id, one.id)]);

    expect(tries.toSorted()).toEqual([1, 2]);
    expect(await nameOf(one.id)).toBe(await nameOf(other.id));
  });
});

describe('what a statement says', () => {
  it.each([
    ['cannot be stored (SEC-46)', `SELECT 'x'::uuid`, ValidationError],
    ['is out of range (SEC-46)', 'SELECT 99999999999::int', ValidationError],
    ['would divide by zero (SEC-46)', 'SELECT 1 / 0', ValidationError],
  ])('is an error of ours when it %s', async (_, sql, kind) => {
    await expect(query(sql)).rejects.toBeInstanceOf(kind);
    expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is an error of ours when it takes too long', async () => {
    // Who meets another one head-on waits for a second: not here.
    const hasty = await startApp({ timings: { statement_ms: 2_000 }, settings: { MONGODB_URL: '' } });
    const ask = (sql: string) => hasty.app.get(Database).run((manager) => manager.query<unknown[]>(sql));
    await expect(ask('SELECT pg_sleep(20)')).rejects.toBeInstanceOf(UnavailableError);
    expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await hasty.close();
  });

  it('is an error of ours when its connection is cut, and the next one has another', async () => {
    const cut = database.transaction(async () => {
      const [{ pid: own }] = await query('SELECT pg_backend_pid() AS pid');
      await app.sql('SELECT pg_terminate_backend($1)', [own]);
      await query('SELECT 1');
    });

    await expect(cut).rejects.toBeInstanceOf(UnavailableError);
    expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
