import { Injectable } from '@nestjs/common';
import { requestContext } from '../../common/request-context.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { Outbox } from '../../database/outbox.js';
import { Limiter } from '../../limits/limiter.js';
import { clientNetwork } from '../../limits/subjects.js';
import { DEFAULT_TENANT_ID } from '../../tenants/tenant.entity.js';
import type { OneTimeTokenKind } from '../one-time-tokens/one-time-token.entity.js';

/** The outbox's topic, and the queue, of requests for a link. */
export const RECOVERY = 'recovery';

/** What is kept, sealed, of a request until somebody has looked into it. */
export interface RecoveryRequest {
  readonly kind: Exclude<OneTimeTokenKind, 'email_change'>;
  /** In lower case. */
  readonly email: string;
}

/** Asking for a link by mail. */
@Injectable()
export class RecoveryService {
  constructor(
    private readonly outbox: Outbox,
    private readonly database: Database,
    private readonly limiter: Limiter,
  ) {}

  /**
   * Writes the request down and leaves it to a worker to find out whether there is such an account: whoever asks meets
   * the same work for every address, since nobody has looked yet. Nothing in the row says whose it would be.
   * @throws {RateLimitedError} too many for this account, whether or not anybody has it, or from this address.
   */
  async request(kind: RecoveryRequest['kind'], email: string): Promise<void> {
    const network = clientNetwork(requestContext()?.ip ?? '');
    await this.limiter.take({ recovery: email, 'recovery-address': network });
    const payload: RecoveryRequest = { kind, email };
    await this.database.asSystem(() =>
      this.outbox.add({ topic: RECOVERY, tenant_id: DEFAULT_TENANT_ID, dedupe_key: uuidv7(), payload }),
    );
  }
}
