import { Injectable } from '@nestjs/common';
import { RateLimitedError, wholeSeconds } from '../common/rate-limit.js';
import { requestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { Limiter } from './limiter.js';
import { PasswordAttemptsRepository } from './password-attempts.repository.js';
import { POLICIES } from './policies.js';
import { clientNetwork, Subjects } from './subjects.js';

/** Where every route that takes a password proves it: guessing is slow, at one account or at many, from one place or many. */
@Injectable()
export class PasswordAttempts {
  constructor(
    private readonly limiter: Limiter,
    private readonly attempts: PasswordAttemptsRepository,
    private readonly subjects: Subjects,
    private readonly settings: Settings,
  ) {}

  /**
   * Lets `prove` try a password, unless the account or the address has had its tries. An attempt counts as a failure of the
   * account before it is one, so that many at once get no further than one after the other; a success forgives them all.
   * A barred account stays open to addresses that signed in to it within 30 days.
   * @param account - the e-mail address in lower case, whether or not anybody has it.
   * @param prove - gives null where the password is wrong; an attempt that throws was none.
   * @param isWhole - whether this proof lets somebody in. Where the password was right and a code is still missing, the attempt
   * was neither a failure nor a success: who knows a stolen password alone forgives nothing, and makes no address known.
   * @throws {RateLimitedError} before `prove` is called: whether the password is right or the account exists plays no part.
   */
  async run<T>(
    account: string,
    prove: () => Promise<T | null>,
    isWhole: (proof: T) => boolean = () => true,
  ): Promise<T | null> {
    const network = clientNetwork(requestContext()?.ip ?? '');
    await this.limiter.take({ login: `${account} ${network}`, 'login-address': network });
    const accounts = this.subjects.digests(account);
    const addresses = this.subjects.digests(network);
    const counted = await this.reserve(accounts, addresses);
    const proof = await prove().catch(async (error: unknown) => {
      if (counted) await this.attempts.giveBack(accounts[0]).catch(() => undefined);
      throw error;
    });
    if (proof === null) return null;
    if (isWhole(proof)) await this.attempts.succeed(accounts[0], addresses[0]);
    else if (counted) await this.attempts.giveBack(accounts[0]);
    return proof;
  }

  /** Somebody has come in by what an attempt had left open: forgives the failures, and remembers the address. */
  async succeed(account: string): Promise<void> {
    const network = clientNetwork(requestContext()?.ip ?? '');
    await this.attempts.succeed(this.subjects.digest(account), this.subjects.digest(network));
  }

  /** Forgives an account's failures; the addresses that it is known at stay. Joins the caller's transaction. */
  async forgive(account: string): Promise<void> {
    await this.attempts.forgive(this.subjects.digests(account));
  }

  /** Joins the caller's transaction: whoever had this account is nobody to whoever gets it next. */
  async forget(account: string): Promise<void> {
    await this.attempts.forget(this.subjects.digests(account));
  }

  /** @returns whether the attempt is counted; one from a known address need not be. */
  private async reserve(accounts: string[], addresses: string[]): Promise<boolean> {
    const rate = POLICIES['login-account'].rate(this.settings);
    const { reserved, known, reset_ms } = await this.attempts.reserve(accounts, addresses, rate);
    if (reserved || known) return reserved;
    requestContext()?.onStanding?.({ policy: 'login-account', ...rate, remaining: 0, reset_ms });
    throw new RateLimitedError(wholeSeconds(reset_ms));
  }
}
