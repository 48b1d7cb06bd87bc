import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { User } from '../user.entity.js';
import { PasswordTooCommonError } from '../users.errors.js';

/** About 49,000, in lower case, the commonest first. Nothing is asked of anybody on the network. */
const LIST = '@zxcvbn-ts/language-common/src/passwords.json';

/** A shorter word stands in too many good passwords. */
const LEAST_CONTAINED = 4;

/** Whose password it is to be: what it must not be made of. */
export type PasswordOwner = Partial<Pick<User, 'email' | 'username'>>;

/**
 * Refuses passwords that are guessed first: those that many people have, and those that are made of the account's own
 * names.
 * @see https://pages.nist.gov/800-63-4/sp800-63b.html section 3.1.1.2
 */
@Injectable()
export class CommonPasswords {
  private loaded: ReadonlySet<string> | undefined;

  constructor(private readonly settings: Settings) {}

  /** How many are refused. Too short ones need no list. */
  get size(): number {
    return this.list().size;
  }

  /**
   * `standard` takes the list as it is written, and the names in any case; `strict` takes both in any case, and refuses a
   * password too that only contains a name.
   * @throws {PasswordTooCommonError}
   */
  assertUncommon(password: string, owner: PasswordOwner = {}): void {
    const { PASSWORD_LIST } = this.settings;
    if (PASSWORD_LIST === 'off') return;
    const given = password.normalize('NFC');
    const folded = given.toLowerCase();
    const names = this.namesOf(owner);
    const refused =
      names.includes(folded) ||
      (PASSWORD_LIST === 'standard'
        ? this.list().has(given)
        : this.list().has(folded) || names.some((name) => isLong(name) && folded.includes(name)));
    if (refused) throw new PasswordTooCommonError();
  }

  private namesOf({ email = '', username }: PasswordOwner): string[] {
    const names = [email, email.replace(/@[^@]*$/, ''), username ?? '', this.settings.APP_NAME];
    return names.filter(Boolean).map((name) => name.normalize('NFC').toLowerCase());
  }

  /** Read once, when somebody first asks; a process that only delivers mails never does. */
  private list(): ReadonlySet<string> {
    return (this.loaded ??= new Set(this.read()));
  }

  private read(): string[] {
    const path = createRequire(import.meta.url).resolve(LIST);
    const all = JSON.parse(readFileSync(path, 'utf8')) as string[];
    return all.filter((password) => [...password].length >= this.settings.PASSWORD_MIN_LENGTH);
  }
}

const isLong = (name: string): boolean => [...name].length >= LEAST_CONTAINED;
