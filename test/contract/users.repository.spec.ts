import { Database } from '../../src/database/database.js';
import { UserDocuments } from '../../src/users/mongo/user-documents.mongoose.js';
import { UserWritesRepository } from '../../src/users/store/user-writes.repository.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { startApp, type TestApp } from '../support/app.js';
import { lockWaits } from '../support/connections.js';
import { describeWithMongo, TestDatabase } from '../support/engines.js';
import { Signal } from '../support/signal.js';
import { usersRepositoryContract } from './users.repository.contract.js';
import { user } from './users.transactions.contract.js';

let app: TestApp;

/** Each question in a transaction of its own, with every tenant in reach. */
const everywhere = (): UsersRepository => {
  const [users, database] = [app.app.get(UsersRepository), app.app.get(Database)];
  return new Proxy(users, {
    get: (target, name: keyof UsersRepository) => {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => database.asSystem(() => method.apply(target, args));
    },
  });
};

const contract = (): void => {
  usersRepositoryContract({
    store: everywhere,
    users: () => app.app.get(UsersRepository),
    database: () => app.app.get(Database),
  });

  describe('a transaction that holds a version', () => {
    it('keeps every change to that user waiting until it ends', async () => {
      const [users, database] = [app.app.get(UsersRepository), app.app.get(Database)];
      const { user } = await app.signUp();
      const [held, end] = [new Signal<boolean>(), new Signal()];
      const order: string[] = [];
      const holding = database.asSystem(() =>
        database.transaction(async () => {
          held.give(await users.holdVersion(user.id, 1));
          await end.given;
          order.push('held');
        }),
      );
      expect(await Promise.race([held.given, holding])).toBe(true);
      const changing = everywhere().update(user.id, 1, { status: 'disabled' });
      const changed = changing.then(() => order.push('changed'));

      await lockWaits(app);
      end.give();
      await Promise.all([holding, changed]);

      expect(order).toEqual(['held', 'changed']);
    });
  });
};

describe('users in PostgreSQL', () => {
  beforeAll(async () => (app = await startApp({ database: 'own', settings: { MONGODB_URL: '' } })));

  contract();
});

describeWithMongo('users in MongoDB', () => {
  beforeAll(async () => {
    const database = await TestDatabase.create();
    app = await startApp({ database, settings: { MONGODB_URL: database.mongoUrl! } });
  });

  contract();

  it('ask as much of both stores for an address that nobody has as for one that somebody has (SEC-27)', async () => {
    const [known, unknown] = [user(), user()];
    await everywhere().insert(known);
    const journal = jest.spyOn(app.app.get(UserWritesRepository, { strict: false }), 'usersConcerned');
    const documents = jest.spyOn(app.app.get(UserDocuments, { strict: false }), 'findWhole');
    const questions = async (email: string): Promise<number[]> => {
      for (const spy of [journal, documents]) spy.mockClear();
      await everywhere().findCredentials(email);
      // The round that looks now and then asks for no names.
      return [journal.mock.calls.filter(([names]) => names !== undefined).length, documents.mock.calls.length];
    };

    expect(await questions(known.email)).toEqual([2, 1]);
    expect(await questions(unknown.email)).toEqual([2, 1]);
    for (const spy of [journal, documents]) spy.mockRestore();
  });
});
