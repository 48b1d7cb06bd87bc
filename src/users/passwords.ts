import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { Algorithm, hash, verify, type Options } from '@node-rs/argon2';
import { Bulkhead } from '../common/bulkhead.js';
import { ValidationError } from '../common/service-error.js';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';
import { CommonPasswords, type PasswordOwner } from './passwords/common-passwords.js';
import { OverloadedError } from './users.errors.js';

/** OWASP's floor for Argon2id: 19 MiB, two passes, one lane. About 17 ms on one processor. */
const COST: Options = { algorithm: Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const COST_IN_HASH = '$argon2id$v=19$m=19456,t=2,p=1$';

export interface NewPassword {
  /** Whose it is to be. */
  readonly owner?: PasswordOwner;
  /** Where it stands in the request. */
  readonly pointer?: string;
  /** Of somebody who runs the installation, and may choose what everybody knows. */
  readonly may_be_common?: boolean;
}

/**
 * Hashes and compares passwords. Only as many at once as there are processors, so that a rush of logins leaves the server
 * answering; whoever would wait too long is told so.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
@Injectable()
export class Passwords {
  private readonly bulkhead: Bulkhead;
  private decoy: Promise<string> | undefined;

  constructor(
    private readonly settings: Settings,
    timings: Timings,
    private readonly common: CommonPasswords,
  ) {
    const tooLong = (): Error => new OverloadedError(Math.ceil(timings.hash_wait_ms / 1_000));
    this.bulkhead = new Bulkhead(Math.max(1, availableParallelism()), timings.hash_wait_ms, tooLong);
  }

  /**
   * @returns a PHC string.
   * @throws {ValidationError} the password is shorter than PASSWORD_MIN_LENGTH.
   * @throws {PasswordTooCommonError} it is one of those that PASSWORD_LIST refuses.
   * @throws {OverloadedError} too many are waiting.
   */
  async hash(password: string, about: NewPassword = {}): Promise<string> {
    this.assertFit(password, about);
    return this.bulkhead.run(() => hash(normalized(password), COST));
  }

  /**
   * What {@link hash} asks of a password, without its work: for who must know before something is used up.
   * @throws {ValidationError} the password is shorter than PASSWORD_MIN_LENGTH.
   * @throws {PasswordTooCommonError} it is one of those that PASSWORD_LIST refuses.
   */
  assertFit(password: string, { owner, pointer = '#/password', may_be_common = false }: NewPassword = {}): void {
    const min = this.settings.PASSWORD_MIN_LENGTH;
    if ([...password].length < min) {
      throw new ValidationError([{ pointer, code: 'min_length', message: `must have at least ${min} characters` }]);
    }
    if (!may_be_common) this.common.assertUncommon(password, owner);
  }

  /**
   * Costs the same for an account that does not exist: then it compares with a decoy, and the answer is no.
   * @throws {OverloadedError} too many are waiting.
   */
  async verify(password_hash: string | undefined, password: string): Promise<boolean> {
    const against = password_hash ?? (await (this.decoy ??= hash(crypto.randomUUID(), COST)));
    const equal = await this.bulkhead.run(() => verify(against, normalized(password)));
    return equal && password_hash !== undefined;
  }

  /** Whether the hash was made at another cost than today's. */
  isOutdated(password_hash: string): boolean {
    return !password_hash.startsWith(COST_IN_HASH);
  }
}

/** So that a password typed on another keyboard is the same password (NIST SP 800-63B-4, 3.1.1.2). */
const normalized = (password: string): string => password.normalize('NFC');
