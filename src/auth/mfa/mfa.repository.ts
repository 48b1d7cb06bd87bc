import { Injectable } from '@nestjs/common';
import { IsNull, LessThan, MoreThan } from 'typeorm';
import { Keyring } from '../../common/keyring.js';
import type { ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { exportPageOf } from '../../database/keyset.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import type { User } from '../../users/user.entity.js';
import { RecoveryCode } from './recovery-code.entity.js';
import { TOTP_SECRET, TotpFactor } from './totp-factor.entity.js';

type Owner = Pick<User, 'id' | 'tenant_id'>;

/** Every question about second factors. Joins the caller's transaction and scope. */
@Injectable()
export class MfaRepository {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  /** Keeps a secret, sealed, in place of one that was never confirmed. The caller knows that there is no other. */
  async enrol({ id: user_id, tenant_id }: Owner, secret: Buffer, expires_at: Date): Promise<void> {
    const id = uuidv7();
    const { sealed, key_id } = this.keyring.seal(TOTP_SECRET, secret, id);
    await this.deletePending(user_id);
    await this.database.run((manager) =>
      manager.insert(TotpFactor, { id, tenant_id, user_id, secret: sealed, key_id, expires_at }),
    );
  }

  /** @throws {UnsealableError} the row is not as it was written. */
  secretOf({ id, key_id, secret }: TotpFactor): Buffer {
    return this.keyring.open(TOTP_SECRET, key_id, secret, id);
  }

  /** The one that waits to be confirmed. */
  findPending(user_id: string): Promise<TotpFactor | null> {
    return this.database.run((manager) => manager.findOneBy(TotpFactor, { user_id, expires_at: MoreThan(new Date()) }));
  }

  findConfirmed(user_id: string): Promise<TotpFactor | null> {
    return this.database.run((manager) => manager.findOneBy(TotpFactor, { user_id, expires_at: IsNull() }));
  }

  /** @param step - whose code confirmed it, and is used up by that. @returns whether it was still pending. */
  async confirm(id: string, step: number): Promise<boolean> {
    const { affected } = await this.database.run((manager) =>
      manager.update(TotpFactor, { id, expires_at: MoreThan(new Date()) }, { expires_at: null, last_step: step }),
    );
    return affected === 1;
  }

  /** Uses up the code of a time step, and with it those of all before. @returns false when that was done already. */
  async useStep(id: string, step: number): Promise<boolean> {
    const { affected } = await this.database.run((manager) =>
      manager.update(TotpFactor, { id, expires_at: IsNull(), last_step: LessThan(step) }, { last_step: step }),
    );
    return affected === 1;
  }

  /** @returns false when there is no such code, or it was used already. */
  async useRecoveryCode(user_id: string, code_hash: string): Promise<boolean> {
    const { affected } = await this.database.run((manager) =>
      manager.update(RecoveryCode, { user_id, code_hash, used_at: IsNull() }, { used_at: new Date() }),
    );
    return affected === 1;
  }

  /** The old ones are void. The caller keeps others from doing the same at once. */
  async replaceRecoveryCodes({ id: user_id, tenant_id }: Owner, hashes: readonly string[]): Promise<void> {
    const codes = hashes.map((code_hash) => ({ id: uuidv7(), tenant_id, user_id, code_hash }));
    await this.database.run(async (manager) => {
      await manager.delete(RecoveryCode, { user_id });
      await manager.insert(RecoveryCode, codes);
    });
  }

  pageOfFactors(user_id: string, page: ExportPage): Promise<TotpFactor[]> {
    return this.database.run((manager) =>
      exportPageOf(
        manager.createQueryBuilder(TotpFactor, 'factor').where('factor.user_id = :user_id', { user_id }),
        page,
      ),
    );
  }

  pageOfRecoveryCodes(user_id: string, page: ExportPage): Promise<RecoveryCode[]> {
    return this.database.run((manager) =>
      exportPageOf(
        manager.createQueryBuilder(RecoveryCode, 'code').where('code.user_id = :user_id', { user_id }),
        page,
      ),
    );
  }

  async deletePending(user_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query('DELETE FROM totp_factors WHERE user_id = $1 AND expires_at IS NOT NULL', [user_id]),
    );
  }

  /** The factor, pending or not, and its recovery codes. */
  async delete(user_id: string): Promise<void> {
    await this.database.run(async (manager) => {
      await manager.delete(TotpFactor, { user_id });
      await manager.delete(RecoveryCode, { user_id });
    });
  }

  @DeletesExpired('second factors that nobody confirmed')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'totp_factors' });
  }
}
