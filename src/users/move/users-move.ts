import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ConflictError } from '../../common/service-error.js';
import { NOT_MIGRATED, stranger, type Installation } from '../store/installation.js';
import type { Home, StoreName, UsersHomeRepository } from '../store/users-home.repository.js';
import type { User } from '../user.entity.js';

const BATCH = 200;

/** For so long a process that has ended may be among the sessions. */
const LOOKS = 10;
const LOOK_MS = 200;

/** One of the two stores, past every rule. */
export interface MovableStore {
  count(): Promise<number>;
  /** In the order of their ids; `after` is '' for the first ones. */
  wholes(after: string, limit: number): Promise<User[]>;
  /** Those that are there, in whichever order. */
  find(ids: readonly string[]): Promise<User[]>;
  /** As given, whether they were there or not. */
  put(users: readonly User[]): Promise<void>;
  /** Whatever has become of them. */
  remove(ids: readonly string[]): Promise<void>;
  /** @returns how many of them still were at this version, and are gone. */
  removeUnchanged(users: readonly User[]): Promise<number>;
}

/** What a move works with. */
export interface Movers {
  readonly homes: UsersHomeRepository;
  readonly stores: Readonly<Record<StoreName, MovableStore>>;
  readonly installation: Installation;
  /** Has what a process has left behind when it was killed put right, once nobody else is at work. */
  readonly prepare: () => Promise<void>;
  /** How many sessions other processes and commands of ours have. */
  readonly others: () => Promise<number>;
}

/** What a move stumbles over, in a sentence for whoever has asked for it. */
export class MoveRefusedError extends Error {
  override readonly name: string = 'MoveRefusedError';
}

/** Somebody may be writing to users. */
export class NotAloneError extends MoveRefusedError {
  override readonly name = 'NotAloneError';
}

/**
 * Carries all users from one store into the other: copies them, compares the copies with what they were made from, takes
 * them for the users, and deletes the originals whose copies are equal. What breaks off, or is refused, goes on where it was
 * when it is run again, or is given up by moving to where the users are still; in between no process starts.
 */
export class UsersMove {
  constructor(private readonly movers: Movers) {}

  /**
   * @returns how many users it has carried; null where they live there already, and where a move away is given up.
   * @throws {NotAloneError} processes of the service run.
   * @throws {MoveRefusedError} the target holds users of its own, or is left by a move that only lacks the deletion of the
   * originals, or is another installation's; or a copy differs, or collides with another one.
   */
  async run(to: StoreName): Promise<number | null> {
    const { homes, prepare } = this.movers;
    const home = await homes.find();
    if (!home?.installation_id) throw new MoveRefusedError(NOT_MIGRATED);
    const from: StoreName = to === 'mongodb' ? 'postgresql' : 'mongodb';
    if (home.store === from && home.moving_to === from) {
      throw new MoveRefusedError(
        `The users live in ${from}, all but done: run \`npm run users:move -- ${from}\` first`,
      );
    }
    if (home.store === to && home.moving_to === null) return null;
    const gives_up = home.store === to && home.moving_to === from;
    const mistake = await this.stranger(home);
    // Users who are in PostgreSQL stay there, whatever has become of the MongoDB that they were to go to.
    if (mistake && !(gives_up && to === 'postgresql')) throw new MoveRefusedError(mistake);
    if (!mistake) await this.claim(home, to);
    await this.assertAloneOr(home.moving_to === null ? () => homes.set(home) : null);
    if (!mistake) await prepare();
    if (gives_up) {
      await this.giveUp(home, mistake ? null : from);
      return null;
    }
    if (home.store === from) await this.copyAll(from, to);
    await this.empty(from, to);
    const carried = await this.movers.stores[to].count();
    await homes.set({ store: to, moving_to: null, paired: to === 'mongodb' });
    return carried;
  }

  private async stranger(home: Home): Promise<string | null> {
    const { installation, stores } = this.movers;
    const [found, count] = [await installation.id(), await stores.mongodb.count()];
    return stranger(home, found, count === 0);
  }

  /** From now on no process starts. */
  private async claim(home: Home, to: StoreName): Promise<void> {
    const { homes, stores, installation } = this.movers;
    const others = home.moving_to === null ? await stores[to].count() : 0;
    if (others > 0) {
      throw new MoveRefusedError(`There are ${others} users in ${to} already: it must be empty, or another database`);
    }
    const mistake = stranger(home, await installation.claim(home.installation_id!), false);
    if (mistake) throw new MoveRefusedError(mistake);
    await homes.set({ store: home.store, moving_to: home.moving_to ?? to, paired: true });
  }

  /** Whoever has started before that is seen by now. */
  private async assertAloneOr(takeBack: (() => Promise<void>) | null): Promise<void> {
    let others = await this.movers.others();
    for (let looks = 1; others > 0 && looks < LOOKS; looks++) {
      await setTimeout(LOOK_MS);
      others = await this.movers.others();
    }
    if (others === 0) return;
    await takeBack?.();
    throw new NotAloneError(
      `Processes of the service, or commands, have ${others} sessions with PostgreSQL: stop them, and run it again`,
    );
  }

  /** Takes the copies out of the other store again, where that can be, and nothing else that it may hold. */
  private async giveUp({ store }: Home, copies_in: StoreName | null): Promise<void> {
    const { homes, stores } = this.movers;
    for (let after: string | undefined = copies_in ? '' : undefined; after !== undefined;) {
      const ids: string[] = (await stores[store].wholes(after, BATCH)).map(({ id }) => id);
      if (ids.length > 0) await stores[copies_in!].remove(ids);
      after = ids.at(-1);
    }
    await homes.set({ store, moving_to: null, paired: store === 'mongodb' });
  }

  private async copyAll(from: StoreName, to: StoreName): Promise<void> {
    const { homes, stores } = this.movers;
    const advice = `run it again, or give the move up with \`npm run users:move -- ${from}\``;
    for (let after: string | undefined = ''; after !== undefined;) {
      const users: User[] = await stores[from].wholes(after, BATCH);
      if (users.length > 0) await this.put(users, to, advice);
      after = users.at(-1)?.id;
    }
    await this.compare(from, to, advice);
    await this.assertAloneOr(null);
    await homes.set({ store: to, moving_to: to, paired: true });
  }

  private async put(users: readonly User[], to: StoreName, advice: string): Promise<void> {
    try {
      await this.movers.stores[to].put(users);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      throw new MoveRefusedError(
        `A copy has an address or a username that another user in ${to} has (${error.code}): ${advice}`,
        { cause: error },
      );
    }
  }

  private async compare(from: StoreName, to: StoreName, advice: string): Promise<void> {
    const { [from]: source, [to]: target } = this.movers.stores;
    const [there, here] = [await source.count(), await target.count()];
    if (there !== here) throw new MoveRefusedError(`Of ${there} users ${here} have arrived: ${advice}`);
    for (let after: string | undefined = ''; after !== undefined;) {
      const originals: User[] = await source.wholes(after, BATCH);
      const [wrong] = (await compared(originals, target)).others;
      if (wrong) throw new MoveRefusedError(`The copy of user ${wrong.id} is another: ${advice}`);
      after = originals.at(-1)?.id;
    }
  }

  /**
   * Deletes originals whose copies are equal. Nobody has used a copy so far: an original that is another by now was written
   * to by somebody who should not have, and is copied anew.
   */
  private async empty(from: StoreName, to: StoreName): Promise<void> {
    const { [from]: source, [to]: target } = this.movers.stores;
    const advice = 'see to it that one of them has another, and run it again';
    for (let fruitless = 0; ;) {
      const users = await source.wholes('', BATCH);
      if (users.length === 0) return;
      const { same, others } = await compared(users, target);
      if (others.length > 0) await this.put(others, to, advice);
      const removed = same.length > 0 ? await source.removeUnchanged(same) : 0;
      fruitless = removed > 0 ? 0 : fruitless + 1;
      if (fruitless === 2) {
        throw new MoveRefusedError(`User ${users[0]!.id} is changed again and again in ${from}: stop whoever does`);
      }
    }
  }
}

async function compared(
  originals: readonly User[],
  target: MovableStore,
): Promise<{ readonly same: User[]; readonly others: User[] }> {
  const found = originals.length > 0 ? await target.find(originals.map(({ id }) => id)) : [];
  const copies = new Map(found.map((copy) => [copy.id, copy]));
  const isSame = (user: User): boolean => isDeepStrictEqual({ ...user }, { ...copies.get(user.id) });
  return { same: originals.filter(isSame), others: originals.filter((user) => !isSame(user)) };
}
