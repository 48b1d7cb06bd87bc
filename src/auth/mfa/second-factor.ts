import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.js';
import { UnsealableError } from '../../common/keyring.js';
import { Database } from '../../database/database.js';
import { Limiter } from '../../limits/limiter.js';
import type { User } from '../../users/user.entity.js';
import { InvalidMfaCodeError } from '../auth.errors.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { MfaRepository } from './mfa.repository.js';
import { recoveryCodeHash } from './recovery-codes.js';
import type { TotpFactor } from './totp-factor.entity.js';
import { isTotpCode, totpStep } from './totp.js';

type Owner = Pick<User, 'id' | 'tenant_id'>;

/**
 * Proves a second factor: a code of the authenticator app, or a recovery code, each good once. Whoever's factor it is must
 * be found whatever the scope of the caller, which would else hide it and so let everybody through: it is looked for as
 * system.
 */
@Injectable()
export class SecondFactor {
  private readonly logger = new Logger(SecondFactor.name);

  constructor(
    private readonly factors: MfaRepository,
    private readonly limiter: Limiter,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Wants a right code, which is used up by this, of a user who is known to have a second factor. To be called outside a
   * transaction, after the password was proven and before what the code is to allow.
   * @throws {InvalidMfaCodeError} the code is missing, wrong or was used.
   * @throws {RateLimitedError} too many codes were tried, right or wrong.
   */
  async prove(user: Owner, code: string | undefined): Promise<void> {
    if (code === undefined) throw new InvalidMfaCodeError();
    await this.count(user.id);
    if (!(await this.use(user, code))) await this.refuse(user);
  }

  /**
   * Counts an attempt, before anybody looks at the code.
   * @throws {RateLimitedError} too many codes were tried, right or wrong.
   */
  async count(user_id: string): Promise<void> {
    await this.limiter.take({ mfa: user_id });
  }

  /** Joins the caller's transaction. @returns whether the code was right, and unused until now. */
  use(user: Owner, code: string): Promise<boolean> {
    return this.database.asSystem(() =>
      isTotpCode(code) ? this.useTotpCode(user.id, code) : this.useRecoveryCode(user, code),
    );
  }

  /** @returns the time step whose code this is; null where it is the code of none, or the secret cannot be read. */
  stepOf(factor: TotpFactor, code: string): number | null {
    try {
      return totpStep(this.factors.secretOf(factor), code);
    } catch (error) {
      if (!(error instanceof UnsealableError)) throw error;
      // Somebody changed the row. Its owner can do nothing about that, and has recovery codes; the operator must hear of it.
      this.logger.error(`The secret of the second factor ${factor.id} cannot be read`);
      return null;
    }
  }

  /**
   * Writes down that a code was wrong, and says so.
   * @throws {InvalidMfaCodeError} always.
   */
  async refuse(user: Owner): Promise<never> {
    await this.sessions.refuse(user, 'invalid_mfa_code');
    throw new InvalidMfaCodeError();
  }

  private async useTotpCode(user_id: string, code: string): Promise<boolean> {
    const factor = await this.factors.findConfirmed(user_id);
    const step = factor && this.stepOf(factor, code);
    return factor && step !== null ? this.factors.useStep(factor.id, step) : false;
  }

  private useRecoveryCode({ id, tenant_id }: Owner, code: string): Promise<boolean> {
    return this.database.transaction(async () => {
      if (!(await this.factors.useRecoveryCode(id, recoveryCodeHash(id, code)))) return false;
      await this.audit.record({ tenant_id, action: 'mfa_recovery_code_used', subject: { type: 'user', id } });
      return true;
    });
  }
}
