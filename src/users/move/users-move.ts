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
 * them for the users, and deletes the originals. What breaks off, or is refused, goes on where it was when it is run again,
 * or is given up by moving to where the users are still; in between no process starts.
 */
export class UsersMove {
  constructor(
    private readonly homes: UsersHomeRepository,
    private readonly stores: Readonly<Record<StoreName, MovableStore>>,
  ) {}

  /**
   * @returns how many users it has carried; null where they live there already, and where a move away is given up.
   * @throws {MoveRefusedError} the target holds users of its own, or is left by a move that only lacks the deletion of the
   * originals, or a copy differs.
   */
  async run(to: StoreName): Promise<number | null> {
    const home = await this.homes.find();
    if (!home) throw new MoveRefusedError('The database is older than the code: run `npm run migrate`');
    const from: StoreName = to === 'mongodb' ? 'postgresql' : 'mongodb';
    if (home.store === from && home.moving_to === from) {
      throw new MoveRefusedError(
        `The users live in ${from}, all but done: run \`npm run users:move -- ${from}\` first`,
      );
    }
    const [source, target] = [this.stores[from], this.stores[to]];
    if (home.store === to && home.moving_to !== to) {
      if (home.moving_to === from) await this.giveUp(to, from);
      return null;
    }
    if (home.store !== to) {
      if (home.moving_to === null) await this.begin(from, to);
      await this.copy(source, target);
      await this.compare(from, to);
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

  /** Takes the copies out of the other store again, and nothing else that it may hold. */
  private async giveUp(store: StoreName, moving_to: StoreName): Promise<void> {
    for (let after: string | undefined = ''; after !== undefined;) {
      const ids: string[] = (await this.stores[store].wholes(after, BATCH)).map(({ id }) => id);
      if (ids.length > 0) await this.stores[moving_to].remove(ids);
      after = ids.at(-1);
    }
    await this.homes.set({ store, moving_to: null });
  }

  private async copy(source: MovableStore, target: MovableStore): Promise<void> {
    for (let after: string | undefined = ''; after !== undefined;) {
      const users: User[] = await source.wholes(after, BATCH);
      if (users.length > 0) await target.put(users);
      after = users.at(-1)?.id;
    }
  }

  private async compare(from: StoreName, to: StoreName): Promise<void> {
    const [source, target] = [this.stores[from], this.stores[to]];
    const advice = `run it again, or give the move up with \`npm run users:move -- ${from}\``;
    const [there, here] = [await source.count(), await target.count()];
    if (there !== here) throw new MoveRefusedError(`Of ${there} users ${here} have arrived: ${advice}`);
    for (let after: string | undefined = ''; after !== undefined;) {
      const [originals, copies]: [User[], User[]] = [
        await source.wholes(after, BATCH),
        await target.wholes(after, BATCH),
      ];
      const wrong = originals.find((user, at) => !isDeepStrictEqual({ ...user }, { ...copies[at] }));
      if (wrong) throw new MoveRefusedError(`The copy of user ${wrong.id} is another: ${advice}`);
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
