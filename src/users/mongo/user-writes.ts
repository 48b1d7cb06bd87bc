import { Injectable, Logger } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { errorLabel } from '../../common/condition.js';
import { Keyring } from '../../common/keyring.js';
import { Repeats } from '../../common/repetitions.js';
import { ConflictError } from '../../common/service-error.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { databaseContext } from '../../database/scope.js';
import { lockOf, UserWritesRepository, type BrokenOff } from '../store/user-writes.repository.js';
import { ContendedError } from '../users.errors.js';
import { UserDocuments } from './user-documents.mongoose.js';
import type { UserState } from './user-mapping.js';

const PURPOSE = 'user_writes';

/** A write to a user, of which nothing is done yet. */
export interface PlannedWrite<T> {
  readonly user_id: string;
  readonly tenant_id: string;
  /** As it is; null where there is none yet. */
  readonly before: UserState | null;
  /** The version that the write leaves. */
  readonly version: number;
  /** Addresses and usernames that it takes or frees. */
  readonly names: readonly string[];
  /** Throws where the write cannot be made, before anything is put down. */
  check?(): Promise<void>;
  /** The write itself: one compare-and-set, which leaves this mark. */
  apply(written_by: string): Promise<T>;
}

/** What a transaction has written so far, by the ids of its rows in the journal. */
type Written = Map<string, { readonly user_id: string; made: boolean }>;

/**
 * Makes writes to users in MongoDB part of the caller's transaction in PostgreSQL, which MongoDB knows nothing of. What a
 * write replaces is put down in PostgreSQL, durably, before it is made, and struck out within the transaction: once that is
 * committed there is nothing to undo, and if it is rolled back, or its process dies, the row stands and is held by nobody.
 * Then it is undone, by whoever comes first: at once after the rollback, by whoever wants to read or write that user, or
 * by a round that looks now and then.
 */
@Injectable()
export class UserWrites {
  private readonly logger = new Logger(UserWrites.name);
  private readonly written = new WeakMap<object, Written>();

  constructor(
    private readonly journal: UserWritesRepository,
    private readonly documents: UserDocuments,
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly checkpoints: Checkpoints,
  ) {}

  /**
   * Joins the caller's transaction, or is one. Until that ends nobody else writes to this user, or takes or frees the same
   * address or username.
   * @param plan - looks, and says what is to be done; null for nothing.
   * @param known - what is known of the plan before.
   * @throws {ContendedError} the write was undone before it was made.
   */
  write<T>(
    user_id: string,
    plan: () => Promise<PlannedWrite<T> | null>,
    known: Pick<PlannedWrite<T>, 'names' | 'check'> = { names: [] },
  ): Promise<T | null> {
    return this.database.transaction(async () => {
      await this.refuseEarly(known);
      await this.holdAndSettle([lockOf(user_id), ...known.names], 'alone');
      const planned = await plan();
      if (!planned) return null;
      const names = planned.names.filter((name) => !known.names.includes(name));
      if (names.length > 0) {
        await this.refuseEarly(planned);
        await this.holdAndSettle(names, 'alone');
      }
      await planned.check?.();
      return this.make(planned);
    });
  }

  /** Keeps everybody from writing to this user until the caller's transaction ends. */
  keep(user_id: string): Promise<void> {
    return this.holdAndSettle([lockOf(user_id)], 'shared');
  }

  /**
   * Undoes what was broken off of writes that concern one of these names; where none are given, any. What is under way is
   * left alone.
   * @returns whether there was any: what was read before may have been void.
   */
  async settle(names?: readonly string[]): Promise<boolean> {
    const user_ids = await this.journal.usersConcerned(names);
    await this.settleAll(user_ids, null);
    return user_ids.length > 0;
  }

  @Repeats({ what: 'Undoing writes to users that were broken off', every: 'user_writes_ms' })
  async round(): Promise<boolean> {
    await this.settle();
    return false;
  }

  private async holdAndSettle(names: readonly string[], mode: 'alone' | 'shared'): Promise<void> {
    await this.journal.hold(names, mode);
    // Whoever wrote would hold them too: what there is was broken off, or is this transaction's own.
    await this.settleAll(await this.journal.usersConcerned(names), names);
  }

  /** Whoever comes too late need not wait in line for what is certain: nobody who might give it back is at it. */
  private async refuseEarly({ names, check }: Pick<PlannedWrite<unknown>, 'names' | 'check'>): Promise<void> {
    try {
      await check?.();
    } catch (error) {
      if ((await this.journal.usersConcerned(names)).length === 0) throw error;
    }
  }

  private async settleAll(user_ids: readonly string[], names: readonly string[] | null): Promise<void> {
    for (const user_id of user_ids) await this.journal.settle(user_id, names, (writes) => this.undo(user_id, writes));
  }

  private async make<T>(planned: PlannedWrite<T>): Promise<T> {
    const { user_id, tenant_id, before, version, names } = planned;
    const id = uuidv7();
    const sealed = before && this.keyring.seal(PURPOSE, JSON.stringify(before), id);
    const written = this.writtenHere();
    const write = { user_id, made: true };
    written.set(id, write);
    await this.journal.begin({
      id,
      tenant_id,
      user_id,
      version,
      before: sealed?.sealed ?? null,
      key_id: sealed?.key_id ?? null,
      locks: [lockOf(user_id), ...names],
    });
    await this.checkpoints.reach('user.begun');
    if (!(await this.journal.strikeOut(id))) throw new ContendedError(1);
    await this.checkpoints.reach('user.struck-out');
    try {
      const result = await planned.apply(id);
      await this.checkpoints.reach('user.written');
      return result;
    } catch (error) {
      // What a unique index has refused is certainly not there.
      if (error instanceof ConflictError) write.made = false;
      throw error;
    }
  }

  private writtenHere(): Written {
    const { transaction } = databaseContext();
    if (!transaction) return new Map();
    const known = this.written.get(transaction);
    if (known) return known;
    const written: Written = new Map();
    this.written.set(transaction, written);
    this.database.afterRollback(() => this.takeBack(written));
    return written;
  }

  /** What cannot be undone now is undone later. */
  private async takeBack(written: Written): Promise<void> {
    if (written.size === 0) return;
    try {
      const refused = [...written].filter(([, { made }]) => !made).map(([id]) => id);
      if (refused.length > 0) await this.journal.forget(refused);
      await this.settleAll([...new Set([...written.values()].map(({ user_id }) => user_id))], null);
    } catch (error) {
      this.logger.warn(`A write to a user is undone later: ${errorLabel(error)}`);
    }
  }

  private async undo(user_id: string, writes: readonly BrokenOff[]): Promise<void> {
    await this.checkpoints.reach('user.taken-back');
    for (let done = false; !done;) done = await this.tryToUndo(user_id, writes);
    await this.checkpoints.reach('user.undone');
  }

  /**
   * Puts the user back as it was before these writes, where one of them has left it as it is; what others have written since
   * stays. A write that may still come finds another version than the one that it saw.
   * @returns whether nobody came in between.
   */
  private async tryToUndo(user_id: string, writes: readonly BrokenOff[]): Promise<boolean> {
    const latest = Math.max(...writes.map((write) => write.version));
    const state = await this.documents.state(user_id);
    if (!state) return writes.every(({ before }) => before !== null) || this.documents.bar(user_id, latest + 1);
    const { version } = state;
    const before = this.beforeAll(state, writes);
    if (before !== state) {
      return this.documents.change(user_id, version, { ...before, version: Math.max(version, latest) + 1 });
    }
    return version >= latest || this.documents.raise(user_id, version, latest + 1);
  }

  /** @returns the state that none of these writes has left; the given one where that is so already. */
  private beforeAll(state: UserState, writes: readonly BrokenOff[]): UserState {
    const last = writes.find(({ id }) => id === state.written_by);
    return last ? this.beforeAll(this.before(last), writes) : state;
  }

  private before({ id, before, key_id }: BrokenOff): UserState {
    if (!before || !key_id) return { version: 0, written_by: null, user: null };
    const state = JSON.parse(this.keyring.open(PURPOSE, key_id, before, id).toString()) as UserState;
    const { user } = state;
    if (!user) return state;
    const times = { created_at: new Date(user.created_at), updated_at: new Date(user.updated_at) };
    return { ...state, user: { ...user, ...times } };
  }
}
