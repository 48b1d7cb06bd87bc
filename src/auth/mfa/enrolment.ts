import { Injectable } from '@nestjs/common';
import type { SessionPrincipal } from '../../common/access.js';
import { Settings } from '../../config/settings.js';
import {
  EmailNotVerifiedError,
  InvalidMfaCodeError,
  InvalidTokenError,
  MfaAlreadyEnabledError,
} from '../auth.errors.js';
import { Accounts } from '../accounts.js';
import { Reauthentication } from '../reauthentication.js';
import { MfaRepository } from './mfa.repository.js';
import { MfaSwitch } from './mfa-switch.js';
import { newRecoveryCodes, recoveryCodeHashes } from './recovery-codes.js';
import { SecondFactor } from './second-factor.js';
import { describeTotp, newTotpSecret } from './totp.js';

/** How long somebody may take from the secret to the first code: finding and installing an app may be part of it. */
const PENDING_MS = 60 * 60 * 1_000;

/** How an account gets a second factor: a secret is handed out, and the first code shows that it arrived. */
@Injectable()
export class Enrolment {
  constructor(
    private readonly accounts: Accounts,
    private readonly factors: MfaRepository,
    private readonly secondFactor: SecondFactor,
    private readonly mfaSwitch: MfaSwitch,
    private readonly reauthentication: Reauthentication,
    private readonly settings: Settings,
  ) {}

  /**
   * Hands out a new secret for an authenticator app. Nothing changes before {@link confirm}; an earlier secret that was not
   * confirmed is void.
   * @throws {InvalidCredentialsError} the password is wrong.
   * @throws {EmailNotVerifiedError} who lost the app could not be reached.
   * @throws {MfaAlreadyEnabledError} to change the app, the old one is turned off first.
   */
  begin(actor: SessionPrincipal, password: string): Promise<{ secret: string; otpauth_url: string }> {
    return this.reauthentication.byPassword(actor, password, async (user) => {
      if (user.mfa_enabled) throw new MfaAlreadyEnabledError();
      if (!user.email_verified) throw new EmailNotVerifiedError();
      const secret = newTotpSecret();
      return this.accounts.whileAt(user, async () => {
        await this.factors.enrol(user, secret, new Date(Date.now() + PENDING_MS));
        return describeTotp(secret, { issuer: this.settings.APP_NAME, email: user.email });
      });
    });
  }

  /**
   * Turns the second factor on: all other sessions end, and the owner gets a mail.
   * @returns the recovery codes, which nobody can read again.
   * @throws {InvalidMfaCodeError} the code is not one of the secret that was handed out last, or that was too long ago.
   * @throws {RateLimitedError} too many codes were tried, right or wrong.
   */
  async confirm(actor: SessionPrincipal, code: string): Promise<string[]> {
    await this.secondFactor.count(actor.id);
    const factor = await this.factors.findPending(actor.id);
    const step = factor && this.secondFactor.stepOf(factor, code);
    if (!factor || step === null) return this.secondFactor.refuse(actor);
    const codes = newRecoveryCodes();
    await this.accounts.alter(actor.id, async (user) => {
      if (!user) throw new InvalidTokenError();
      if (user.mfa_enabled) throw new MfaAlreadyEnabledError();
      const changed = await this.mfaSwitch.turnOn(user, actor.session_id);
      if (!changed) return null;
      // Somebody else has begun anew meanwhile.
      if (!(await this.factors.confirm(factor.id, step))) throw new InvalidMfaCodeError();
      await this.factors.replaceRecoveryCodes(user, recoveryCodeHashes(user.id, codes));
      return changed;
    });
    return codes;
  }
}
