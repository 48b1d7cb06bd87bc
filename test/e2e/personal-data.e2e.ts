import { Injectable } from '@nestjs/common';
import { Hooks } from '../../src/common/hooks.js';
import {
  ErasesPersonalData,
  ExportsPersonalData,
  type ExportedTables,
  type Exporter,
} from '../../src/common/personal-data.js';
import { Database } from '../../src/database/database.js';
import { startApp, type TestApp } from '../support/app.js';
import { exported } from '../support/exports.js';
import { settled } from '../support/links.js';
import { Guarded } from '../support/second-factor.js';
import { allTables, declaredBy, misplaced, type Exemptions } from '../support/personal-data.js';

const DIGESTS =
  'digests under a key of ours, of addresses that somebody may or may not have; gone when their time is over';

const BOOKS = 'ids and amounts; the books are kept, and nobody can change them';

/**
 * Tables that need not tell, or forget, and why not. Everything else wants an eraser and an exporter, so that a new table
 * is placed on purpose.
 */
const EXEMPT: Exemptions = {
  migrations: { erased: 'names of migrations', exported: 'names of migrations' },
  tenants: { erased: 'organisations, no people', exported: 'organisations, no people' },
  users: { erased: 'the deletion itself: UsersService.remove()' },
  audit_events: { erased: 'ids, names of fields and shortened addresses; the trail is kept, and nobody can change it' },
  login_counters: { erased: `${DIGESTS}, or with the account: AuthService.followAccount()`, exported: DIGESTS },
  known_addresses: { erased: `${DIGESTS}, or with the account: AuthService.followAccount()`, exported: DIGESTS },
  user_writes: { exported: 'what a change under way replaces: the account, which is told; gone within moments' },
  users_home: {
    erased: 'which store has the users, and no people',
    exported: 'which store has the users, and no people',
  },
  mfa_challenges: { exported: 'a login that waits for its code: ids and a digest, for five minutes' },
  limit_counters: { erased: DIGESTS, exported: DIGESTS },
  payment_attempts: { exported: 'tries of payments, which are told with how they stand' },
  provider_operations: { exported: 'our words to the provider about payments that are told' },
  idempotency_keys: { exported: 'digests, and answers that are the payments which are told' },
  payment_transitions: { erased: BOOKS, exported: 'steps of payments that are told' },
  refund_transitions: { erased: BOOKS, exported: 'steps of refunds that are told' },
  dispute_transitions: { erased: BOOKS, exported: 'steps of disputes that are told' },
  ledger_accounts: { erased: BOOKS, exported: BOOKS },
  ledger_transactions: { erased: BOOKS, exported: BOOKS },
  ledger_entries: { erased: BOOKS, exported: BOOKS },
  webhook_endpoints: { erased: 'addresses of integrators, no people', exported: 'addresses of integrators, no people' },
  reconciliation_items: {
    erased: 'ids, amounts and statuses of payments that are kept',
    exported: 'ids, amounts and statuses of payments that are told',
  },
  reconciliation_runs: { erased: 'when it was looked, and no people', exported: 'when it was looked, and no people' },
  webhook_events: { erased: 'ids that a provider has given', exported: 'ids that a provider has given' },
};

let app: TestApp;
beforeAll(async () => (app = await startApp()));

describe('every table', () => {
  it('has somebody who erases and somebody who exports what it holds of a person, or a reason why not', async () => {
    const tables = await allTables(app);

    expect(tables.length).toBeGreaterThan(8);
    expect(misplaced(tables, declaredBy(app), EXEMPT)).toEqual([]);
  });

  it('that is new and placed nowhere is found, and the sentence says what to do', async () => {
    const own = await startApp({ database: 'own' });
    await own.sqlAs('owner', 'CREATE TABLE diaries (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, entry text)');
    const found = misplaced(await allTables(own), declaredBy(own), EXEMPT);

    expect(found).toEqual([
      expect.stringMatching(/^diaries is not erased .*@ErasesPersonalData\(\{ tables: \['diaries'\] \}\).*EXEMPT/),
      expect.stringMatching(
        /^diaries is not exported .*@ExportsPersonalData\(\{ part: '...', tables: \['diaries'\] \}\)/,
      ),
    ]);
    await own.close();
  });

  it('that is gone, or has somebody by now, is struck from the excuses', () => {
    const declared = { erased: ['sessions', 'gone'], exported: ['sessions'] };
    const exempt = { sessions: { erased: 'none' }, also_gone: { exported: 'none' } };

    expect(misplaced(['sessions'], declared, exempt)).toEqual([
      expect.stringMatching(/^sessions is erased by a feature, and excused/),
      'gone is named as erased, and no table',
      'also_gone is named as exported, and no table',
    ]);
  });
});

/** A feature whose eraser fails. */
@Injectable()
class Stubborn {
  @ErasesPersonalData({ tables: [] })
  erase(): Promise<void> {
    throw new RangeError('not mine to erase');
  }
}

it('a deletion is one transaction: where one eraser fails, nothing is erased and nothing is told', async () => {
  const stubborn = { module: class StubbornModule {}, providers: [Stubborn] };
  const own = await startApp({ database: 'own', modules: [stubborn] });
  const ada = await own.signUp();
  const rows = () =>
    Promise.all(
      ['users', 'sessions', 'audit_events', 'known_addresses', 'exports'].map((table) =>
        own.sql(`SELECT t::text AS row FROM ${table} t ORDER BY 1`),
      ),
    );
  await exported(own, ada);
  const before = await rows();

  expect((await ada.delete('/users/me')).status).toBe(500);
  expect(await rows()).toEqual(before);
  expect((await ada.get('/users/me')).status).toBe(200);
  await own.close();
});

describe('every exporter', () => {
  it('tells the same page by page as at once, and comes to an end', async () => {
    const ada = await app.signUp();
    const guarded = await Guarded.enrol(app, ada);
    await guarded.again();
    await guarded.again();
    // What waits to be mailed is told, too.
    await settled(app);
    const database = app.app.get(Database);
    const told: string[] = [];
    for (const { options, handle } of app.app.get(Hooks).find<ExportedTables, Exporter>(ExportsPersonalData)) {
      const read = (after: string | null, limit: number) =>
        database.asTenant(ada.user.tenant_id, () => handle(ada.user.id, { after, limit }));
      const all = await read(null, 1_000);
      const paged: unknown[] = [];
      for (let page = await read(null, 1); page[0]; page = await read(page[0].id, 1)) paged.push(...page);

      expect([options.part, paged]).toEqual([options.part, all]);
      if (all.length > 0) told.push(options.part);
    }
    expect(told).toEqual(
      expect.arrayContaining(['account', 'audit_events', 'authenticator_apps', 'recovery_codes', 'sessions']),
    );
  });
});

describe('every column', () => {
  /** Names of columns that tell who somebody is. Where one stands in a table that is excused from erasing, look again. */
  const TELLING = ['email', 'username', 'full_name', 'user_agent', 'phone', 'name', 'ip', 'password_hash', 'payload'];
  const LOOKED_AT = ['tenants.name', 'migrations.name', 'users', 'audit_events.ip'];

  it('that may tell who somebody is stands in a table that is erased', async () => {
    const erased = declaredBy(app).erased;
    const columns = await app.sql<{ name: string; column: string }>(
      `SELECT table_name AS name, column_name AS column FROM information_schema.columns
       WHERE table_schema = 'public' AND column_name = ANY($1)`,
      [TELLING],
    );
    const left = columns.filter(({ name, column }) => {
      return !erased.includes(name) && !LOOKED_AT.includes(name) && !LOOKED_AT.includes(`${name}.${column}`);
    });

    expect(left).toEqual([]);
  });
});
