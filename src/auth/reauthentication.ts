import { Injectable } from '@nestjs/common';
import type { SessionPrincipal } from '../common/access.js';
import { PasswordAttempts } from '../limits/password-attempts.js';
import { Passwords } from '../users/passwords.js';
import { ContendedError } from '../users/users.errors.js';
import { UsersRepository, type Credentials } from '../users/users.repository.js';
import { Accounts } from './accounts.js';
import { InvalidCredentialsError, InvalidTokenError } from './auth.errors.js';
import { SecondFactor } from './mfa/second-factor.js';
import { SessionsService } from './sessions/sessions.service.js';

/** What somebody at a session knows and has. */
export interface Proof {
  readonly password: string;
  /** Wanted where there is a second factor. */
  readonly code?: string | undefined;
}

type Proven = Credentials & { readonly email: string };

/** Does what the proof is for. Gives null when the account is no longer at the version that was proven. */
type Act<T> = (user: Proven) => Promise<T | null>;

/** So often an account may change while its password is compared. */
const TRIES = 3;

/** Proves once more that it is the account's owner who sits at a session. */
@Injectable()
export class Reauthentication {
  constructor(
    private readonly users: UsersRepository,
    private readonly passwords: Passwords,
    private readonly attempts: PasswordAttempts,
    private readonly secondFactor: SecondFactor,
    private readonly sessions: SessionsService,
    private readonly accounts: Accounts,
  ) {}

  /**
   * The session counts as just logged in.
   * @throws {InvalidCredentialsError} the password is wrong.
   * @throws {InvalidMfaCodeError} there is a second factor, and the code is missing, wrong or was used.
   * @throws {RateLimitedError} too many attempts, right or wrong.
   * @throws {ContendedError} the password is right, and the account never stood still: no attempt is counted.
   */
  async renew(actor: SessionPrincipal, proof: Proof): Promise<void> {
    await this.byBoth(actor, proof, (user) =>
      this.accounts.whileAt(user, async () => {
        await this.sessions.renew(actor);
        return true;
      }),
    );
  }

  /**
   * Lets `act` happen after the password was proven, and after the code where there is a second factor. When the account
   * changes meanwhile, the password is proven again; the code is used up by then and counts.
   * @throws as {@link renew}.
   */
  byBoth<T>(actor: SessionPrincipal, { password, code }: Proof, act: Act<T>): Promise<T> {
    let proven = false;
    return this.byPassword(actor, password, async (user) => {
      if (user.mfa_enabled && !proven) {
        await this.secondFactor.prove(user, code);
        proven = true;
      }
      return act(user);
    });
  }

  /**
   * Lets `act` happen after the password alone was proven.
   * @throws {InvalidCredentialsError} the password is wrong.
   * @throws {RateLimitedError} too many attempts, right or wrong.
   * @throws {ContendedError} the password is right, and the account never stood still: no attempt is counted.
   */
  async byPassword<T>(actor: SessionPrincipal, password: string, act: Act<T>): Promise<T> {
    const { email } = await this.find(actor);
    const done = await this.attempts.run(email, () => this.attempt(actor, password, act));
    if (done === null) throw new InvalidCredentialsError();
    return done;
  }

  private async attempt<T>(actor: SessionPrincipal, password: string, act: Act<T>): Promise<T | null> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const user = await this.find(actor);
      if (!(await this.passwords.verify(user.password_hash, password))) {
        await this.sessions.refuse(actor);
        return null;
      }
      const done = await act(user);
      if (done !== null) return done;
    }
    throw new ContendedError(1);
  }

  /** The account may have got another address, which somebody else has by now, or be disabled or gone. */
  private async find({ id }: SessionPrincipal): Promise<Proven> {
    const email = (await this.users.find(id))?.email;
    const credentials = email === undefined ? null : await this.users.findCredentials(email);
    if (email === undefined || credentials?.id !== id || credentials.status !== 'active') throw new InvalidTokenError();
    return { ...credentials, email };
  }
}
