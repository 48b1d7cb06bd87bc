import { Injectable } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.js';
import type { SessionPrincipal } from '../../common/access.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { OnAccountChange, type AccountChange } from '../../users/account-changes.js';
import { Accounts } from '../accounts.js';
import { InvalidMfaCodeError } from '../auth.errors.js';
import { Reauthentication, type Proof } from '../reauthentication.js';
import { MfaRepository } from './mfa.repository.js';
import { MfaSwitch } from './mfa-switch.js';
import type { RecoveryCode } from './recovery-code.entity.js';
import { newRecoveryCodes, recoveryCodeHashes } from './recovery-codes.js';
import type { TotpFactor } from './totp-factor.entity.js';

type ExportedFactor = Pick<TotpFactor, 'id' | 'created_at'> & { readonly confirmed: boolean };
type ExportedCode = Pick<RecoveryCode, 'id' | 'used_at' | 'created_at'>;

/** What can be done about a second factor that there is. */
@Injectable()
export class MfaService {
  constructor(
    private readonly factors: MfaRepository,
    private readonly mfaSwitch: MfaSwitch,
    private readonly reauthentication: Reauthentication,
    private readonly accounts: Accounts,
    private readonly audit: AuditService,
  ) {}

  /**
   * Turns the second factor off: all other sessions end, and the owner gets a mail.
   * @throws {InvalidCredentialsError} the password is wrong.
   * @throws {InvalidMfaCodeError} the code is wrong or was used, or there is no second factor.
   * @throws {RateLimitedError} too many attempts, right or wrong.
   */
  async disable(actor: SessionPrincipal, proof: Required<Proof>): Promise<void> {
    await this.reauthentication.byBoth(actor, proof, async (user) => {
      if (!user.mfa_enabled) throw new InvalidMfaCodeError();
      return this.mfaSwitch.turnOff(user, actor.session_id);
    });
  }

  /**
   * Makes the recovery codes anew; the old ones are void.
   * @returns the codes, which nobody can read again.
   * @throws as {@link disable}.
   */
  renewRecoveryCodes(actor: SessionPrincipal, proof: Required<Proof>): Promise<string[]> {
    return this.reauthentication.byBoth(actor, proof, async (user) => {
      if (!user.mfa_enabled) throw new InvalidMfaCodeError();
      const { id, tenant_id } = user;
      const codes = newRecoveryCodes();
      return this.accounts.whileAt(user, async () => {
        await this.factors.replaceRecoveryCodes(user, recoveryCodeHashes(id, codes));
        await this.audit.record({ tenant_id, action: 'mfa_recovery_codes_renewed', subject: { type: 'user', id } });
        return codes;
      });
    });
  }

  /** Whoever has handed out a secret that nobody confirmed yet may have been somebody else. */
  @OnAccountChange({})
  async followAccount({ user, changes }: AccountChange): Promise<void> {
    if (changes.includes('email') || changes.includes('password_hash')) await this.factors.deletePending(user.id);
  }

  /** That there is an authenticator app, and since when; never its secret. */
  @ExportsPersonalData({ part: 'authenticator_apps', tables: ['totp_factors'] })
  async exportFactors(user_id: string, page: ExportPage): Promise<ExportedFactor[]> {
    const factors = await this.factors.pageOfFactors(user_id, page);
    return factors.map(({ id, expires_at, created_at }) => ({ id, confirmed: expires_at === null, created_at }));
  }

  /** Which recovery codes there are, and which were used; never the codes. */
  @ExportsPersonalData({ part: 'recovery_codes', tables: ['recovery_codes'] })
  async exportRecoveryCodes(user_id: string, page: ExportPage): Promise<ExportedCode[]> {
    const codes = await this.factors.pageOfRecoveryCodes(user_id, page);
    return codes.map(({ id, used_at, created_at }) => ({ id, used_at, created_at }));
  }

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['totp_factors', 'recovery_codes'] })
  async erase(user_id: string): Promise<void> {
    await this.factors.delete(user_id);
  }
}
