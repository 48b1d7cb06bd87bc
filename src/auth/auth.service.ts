import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { PasswordAttempts } from '../limits/password-attempts.js';
import { OnAccountChange, type AccountChange } from '../users/account-changes.js';
import { Passwords } from '../users/passwords.js';
import { ContendedError } from '../users/users.errors.js';
import { UsersRepository, type Credentials } from '../users/users.repository.js';
import { EmailNotVerifiedError, InvalidCredentialsError } from './auth.errors.js';
import { ChallengesService, type OpenedChallenge } from './challenges/challenges.service.js';
import type { Client, OpenedSession } from './sessions/sessions.service.js';

type Opened = OpenedSession | OpenedChallenge;

const isSession = (opened: Opened): boolean => !('mfa_token' in opened);

/** So often an account may change while its password is compared. */
const TRIES = 3;

/** Proving who somebody is. */
@Injectable()
export class AuthService {
  constructor(
    private readonly users: UsersRepository,
    private readonly passwords: Passwords,
    private readonly attempts: PasswordAttempts,
    private readonly database: Database,
    private readonly challenges: ChallengesService,
    private readonly settings: Settings,
  ) {}

  /**
   * Opens a session or, for a user with a second factor, the challenge that {@link ChallengesService.finish} wants: then
   * the account's failures are neither forgiven nor more. Unknown, wrong and disabled answer alike, after the same work.
   * When the account changes while the login is under way, it is looked at again: the session gets the rights that are
   * left, if any.
   * @throws {InvalidCredentialsError}
   * @throws {RateLimitedError} too many attempts, right or wrong.
   * @throws {EmailNotVerifiedError} the password is right, and the installation wants verified addresses.
   * @throws {OverloadedError} too many passwords are being compared.
   * @throws {ContendedError} the password is right, and the account never stood still: no attempt is counted.
   */
  async login({ email, password }: { email: string; password: string }, client: Client): Promise<Opened> {
    const opened = await this.attempts.run(email, () => this.prove(email, password, client), isSession);
    if (!opened) throw new InvalidCredentialsError();
    return opened;
  }

  /** Whoever had an address, or a password, before leaves nothing to whoever has it now. */
  @OnAccountChange({})
  async followAccount({ action, user, changes, old_email, reason }: AccountChange): Promise<void> {
    const changesHands = action === 'user_created' || action === 'user_deleted' || changes.includes('email');
    if (changesHands || reason === 'reset') await this.attempts.forget(user.email);
    if (changes.includes('email') && old_email !== undefined) await this.attempts.forget(old_email);
  }

  private async prove(email: string, password: string, client: Client): Promise<Opened | null> {
    for (let attempt = 1; ; attempt++) {
      const user = await this.database.asSystem(() => this.users.findCredentials(email));
      const proven = await this.passwords.verify(user?.password_hash, password);
      const opened = user && proven && user.status === 'active' ? await this.open(user, password, client) : null;
      if (opened === 'changed') {
        if (attempt === TRIES) throw new ContendedError(1);
        continue;
      }
      if (opened) return opened;
      await this.challenges.refuse(user);
      return null;
    }
  }

  /** @returns `changed` when the account is no longer the one whose password was compared; null when its tenant is closed. */
  private async open(user: Credentials, password: string, client: Client): Promise<Opened | 'changed' | null> {
    const barred = this.settings.REQUIRE_EMAIL_VERIFICATION && !user.email_verified;
    const { id, version, password_hash } = user;
    const renewed = !barred && this.passwords.isOutdated(password_hash) ? await this.passwords.hash(password) : null;
    return this.database.asSystem(() =>
      this.database.transaction(async () => {
        // A change takes the row for itself at once: to hold it first, and then change it, would deadlock with the like.
        const unchanged = renewed
          ? await this.users.update(id, version, { password_hash: renewed })
          : await this.users.holdVersion(id, version);
        if (!unchanged) return 'changed';
        // The new hash has made a new version.
        const held = renewed ? { ...user, version: version + 1 } : user;
        const opened = await this.challenges.begin(held, client);
        // Not before: where the tenant is closed nobody hears that the password was right. What was opened is undone.
        if (opened && barred) throw new EmailNotVerifiedError();
        return opened;
      }),
    );
  }
}
