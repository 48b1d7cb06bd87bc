import { isDeepStrictEqual } from 'node:util';
import type { StoreName, UsersHomeRepository } from '../store/users-home.repository.js';
import type { User } from '../user.entity.js';

const BATCH = 200;

/** One of the two stores, past every rule. */
export interface MovableStore {
  count(): Promise<number>;
  /** In the order of their ids; `after` is '' for the first ones. */
  wholes(after: string, limit: number): Promise<User[]>;
  /** As given, whether they were there or not. */
  put(users: readonly User[]): Promise<void>;
  remove(ids: readonly string[]): Promise<void>;
}

/** What a move stumbles over, in a sentence for whoever has asked for it. */
export class MoveRefusedError extends Error {
  override readonly name = 'MoveRefusedError';
}

/**
 * Carries all users from one store into the other: copies them, compares the copies with what they were made from, takes
 * them for the users, and deletes the originals. What breaks off goes on where it was when it is run again; in between no
 * process starts.
 */
export class UsersMove {
  constructor(
    private readonly homes: UsersHomeRepository,
    private readonly stores: Readonly<Record<StoreName, MovableStore>>,
  ) {}

  /**
   * @returns how many users it has carried; null where they live there already.
   * @throws {MoveRefusedError} the target holds users of its own, or a move the other way has begun, or a copy differs.
   */
  async run(to: StoreName): Promise<number | null> {
    const home = await this.homes.find();
    if (!home) throw new MoveRefusedError('The database is older than the code: run `npm run migrate`');
    const from: StoreName = to === 'mongodb' ? 'postgresql' : 'mongodb';
    if (home.moving_to !== null && home.moving_to !== to) {
      throw new MoveRefusedError(
        `A move the other way has begun: run \`npm run users:move -- ${home.moving_to}\` first`,
      );
    }
    if (home.store === to && home.moving_to === null) return null;
    const [source, target] = [this.stores[from], this.stores[to]];
    if (home.store !== to) {
      if (home.moving_to === null) await this.begin(from, to);
      await this.copy(source, target);
      await this.compare(source, target);
      await this.homes.set({ store: to, moving_to: to });
    }
    const carried = await target.count();
    await this.empty(source);
    await this.homes.set({ store: to, moving_to: null });
    return carried;
  }

  private async begin(from: StoreName, to: StoreName): Promise<void> {
    const others = await this.stores[to].count();
    if (others > 0) {
      throw new MoveRefusedError(`There are ${others} users in ${to} already: it must be empty, or another database`);
    }
    await this.homes.set({ store: from, moving_to: to });
  }

  private async copy(source: MovableStore, target: MovableStore): Promise<void> {
    for (let after: string | undefined = ''; after !== undefined;) {
      const users: User[] = await source.wholes(after, BATCH);
      if (users.length > 0) await target.put(users);
      after = users.at(-1)?.id;
    }
  }

  private async compare(source: MovableStore, target: MovableStore): Promise<void> {
    const [there, here] = [await source.count(), await target.count()];
    if (there !== here) throw new MoveRefusedError(`Of ${there} users ${here} have arrived: run it again`);
    for (let after: string | undefined = ''; after !== undefined;) {
      const [originals, copies]: [User[], User[]] = [
        await source.wholes(after, BATCH),
        await target.wholes(after, BATCH),
      ];
      const wrong = originals.find((user, at) => !isDeepStrictEqual({ ...user }, { ...copies[at] }));
      if (wrong) throw new MoveRefusedError(`The copy of user ${wrong.id} is another: run it again`);
      after = originals.at(-1)?.id;
    }
  }

  private async empty(source: MovableStore): Promise<void> {
    for (let left = true; left;) {
      const users = await source.wholes('', BATCH);
      await source.remove(users.map(({ id }) => id));
      left = users.length > 0;
    }
  }
}
