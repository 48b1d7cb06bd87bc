import { Injectable } from '@nestjs/common';
import { hashOfToken, newOneTimeToken } from '../../common/one-time-token.js';
import { ErasesPersonalData } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { PasswordAttempts } from '../../limits/password-attempts.js';
import { OnAccountChange, type AccountChange } from '../../users/account-changes.js';
import type { User } from '../../users/user.entity.js';
import { UsersRepository, type Credentials } from '../../users/users.repository.js';
import { InvalidMfaCodeError } from '../auth.errors.js';
import { SecondFactor } from '../mfa/second-factor.js';
import { SessionsService, type Client, type OpenedSession } from '../sessions/sessions.service.js';
import { ChallengesRepository, type TriedChallenge } from './challenges.repository.js';

/** What a client gets in place of a session while the code is missing. */
export interface OpenedChallenge {
  readonly mfa_token: string;
  /** In seconds. */
  readonly expires_in: number;
}

const LIFE_SECONDS = 5 * 60;
const TRIES = 5;

/** The column is text. */
const asStored = (token_hash: Buffer): string => token_hash.toString('base64url');

/** What comes after the right password: a session, or a second step that wants a code. */
@Injectable()
export class ChallengesService {
  constructor(
    private readonly challenges: ChallengesRepository,
    private readonly users: UsersRepository,
    private readonly sessions: SessionsService,
    private readonly secondFactor: SecondFactor,
    private readonly attempts: PasswordAttempts,
    private readonly database: Database,
  ) {}

  /**
   * What a right password leads to: a session, or the challenge that {@link finish} wants. Joins the transaction in which
   * the caller holds the user's version, as system.
   * @param user - at the version that is held: after any change the challenge is void.
   * @returns null when the user's tenant is disabled.
   */
  begin(user: Credentials, client: Client): Promise<OpenedSession | OpenedChallenge | null> {
    return user.mfa_enabled ? this.open(user) : this.sessions.open(user, client);
  }

  /** Writes down that a login failed at its first step. */
  async refuse(user: Pick<User, 'id' | 'tenant_id'> | null): Promise<void> {
    await this.sessions.refuse(user);
  }

  /**
   * Opens the session that the password alone did not. A try counts before the code is looked at: of the challenge, which
   * has five, and of the user.
   * @throws {InvalidMfaCodeError} the code is wrong or was used; or the login is over, was finished, had its tries, or the
   * user has changed meanwhile.
   * @throws {RateLimitedError} too many codes of this user were tried, right or wrong.
   */
  async finish({ mfa_token, code }: { mfa_token: string; code: string }, client: Client): Promise<OpenedSession> {
    const challenge = await this.database.asSystem(() => this.challenges.countTry(asStored(hashOfToken(mfa_token))));
    // Nobody's login has failed here: strangers write no rows.
    if (!challenge) throw new InvalidMfaCodeError();
    const owner = { id: challenge.user_id, tenant_id: challenge.tenant_id };
    if (challenge.tries > TRIES) return this.secondFactor.refuse(owner);
    await this.secondFactor.count(owner.id);
    const opened = await this.openSession(challenge, code, client);
    if (!opened) return this.secondFactor.refuse(owner);
    await this.attempts.succeed(opened.email);
    return opened.session;
  }

  /** Any change makes a new version of the user, and so voids what waits for the old one. */
  @OnAccountChange({})
  async followAccount({ user }: AccountChange): Promise<void> {
    await this.erase(user.id);
  }

  /** Joins the caller's transaction. */
  @ErasesPersonalData({ tables: ['mfa_challenges'] })
  async erase(user_id: string): Promise<void> {
    await this.challenges.delete({ user_id });
  }

  private async open({ id, tenant_id, version }: Credentials): Promise<OpenedChallenge | null> {
    const { token: mfa_token, token_hash } = newOneTimeToken();
    const isOpen = await this.challenges.insert({
      id: uuidv7(),
      tenant_id,
      user_id: id,
      token_hash: asStored(token_hash),
      version,
      expires_at: new Date(Date.now() + LIFE_SECONDS * 1_000),
    });
    return isOpen ? { mfa_token, expires_in: LIFE_SECONDS } : null;
  }

  /** Takes the user's row first, as every change does, then the challenge's, then the factor's. */
  private openSession(
    { id, user_id, version }: TriedChallenge,
    code: string,
    client: Client,
  ): Promise<{ session: OpenedSession; email: string } | null> {
    return this.database.asSystem(() =>
      this.database.transaction(async () => {
        const unchanged = await this.users.holdVersion(user_id, version);
        const user = unchanged && (await this.challenges.hold(id)) ? await this.users.find(user_id) : null;
        if (!user || !(await this.secondFactor.use(user, code))) return null;
        await this.challenges.delete({ id });
        const session = await this.sessions.open(user, client);
        return session && { session, email: user.email };
      }),
    );
  }
}
