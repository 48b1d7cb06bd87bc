import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { User } from '../users/user.entity.js';
import { ContendedError } from '../users/users.errors.js';
import { UsersRepository } from '../users/users.repository.js';

/** So often a change that takes no lock, such as a login's, may slip in between our reading and our writing. */
const TRIES = 5;

/** Lets what belongs to one account happen one after the other, and at a version of it that is known. */
@Injectable()
export class Accounts {
  constructor(
    private readonly users: UsersRepository,
    private readonly database: Database,
  ) {}

  /**
   * Reads an account and lets `work` change it; once more when it found (null) that the account has changed meanwhile.
   * @param work - runs in a transaction; gets null where there is no such user within the caller's scope.
   * @throws {ContendedError} the account never stood still.
   */
  alter<T>(user_id: string, work: (user: User | null) => Promise<T | null>): Promise<T> {
    return this.database.transaction(async () => {
      await this.database.lock(`account:${user_id}`);
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        const done = await work(await this.users.find(user_id));
        if (done !== null) return done;
      }
      throw new ContendedError(1);
    });
  }

  /** @returns what `work` did in a transaction while the account stayed at this version; null, and nothing is done, where it does not. */
  whileAt<T>({ id, version }: Pick<User, 'id' | 'version'>, work: () => Promise<T>): Promise<T | null> {
    return this.database.transaction(async () => {
      await this.database.lock(`account:${id}`);
      return (await this.users.holdVersion(id, version)) ? work() : null;
    });
  }
}
