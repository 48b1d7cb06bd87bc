import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { InvalidTokenError } from '../auth/auth.errors.js';
import { SessionsService } from '../auth/sessions/sessions.service.js';
import type { SessionPrincipal } from '../common/access.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../common/personal-data.js';
import { uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import { Outbox } from '../database/outbox.js';
import { OnAccountChange, type AccountChange } from '../users/account-changes.js';
import { ContendedError } from '../users/users.errors.js';
import { UsersRepository } from '../users/users.repository.js';
import type { Export } from './export.entity.js';
import { ExportsRepository } from './exports.repository.js';

/** The outbox's topic, and the queue, of exports. */
export const EXPORT = 'export';

export interface ExportRequest {
  readonly export_id: string;
}

/** Who had these may be somebody else by now, and the link may lie in a mailbox that is no longer the person's. */
const ENDING = ['email', 'password_hash'] as const;

/** So often a change of the account may slip in between our reading and our holding it. */
const TRIES = 5;

/** People's own data, asked for and taken back. */
@Injectable()
export class ExportsService {
  constructor(
    private readonly exports: ExportsRepository,
    private readonly users: UsersRepository,
    private readonly sessions: SessionsService,
    private readonly outbox: Outbox,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Has all that is kept of the caller gathered and mailed. While that is under way, asking again asks for the same.
   * @throws {InvalidTokenError} the account was taken from the caller just now.
   * @throws {ContendedError} the account never stood still.
   */
  async request(actor: SessionPrincipal): Promise<void> {
    await this.database.transaction(async () => {
      await this.hold(actor);
      const { id: user_id, tenant_id } = actor;
      const id = uuidv7();
      if (!(await this.exports.insert({ id, tenant_id, user_id }))) return;
      const payload: ExportRequest = { export_id: id };
      await this.outbox.add({ topic: EXPORT, dedupe_key: id, tenant_id, subject_id: user_id, payload });
      await this.audit.record({
        tenant_id,
        action: 'data_export_requested',
        subject: { type: 'user', id: user_id },
      });
    });
  }

  /** What takes the account from somebody takes the exports too; a reset above all. */
  @OnAccountChange({})
  async followAccount({ action, user, changes }: AccountChange): Promise<void> {
    const ends = action === 'user_disabled' || ENDING.some((field) => changes.includes(field));
    if (ends) await this.exports.delete(user.id);
  }

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['exports', 'export_pieces'] })
  async erase(user_id: string): Promise<void> {
    await this.exports.delete(user_id);
  }

  /** When the person asked, and what became of it; the pieces are copies of what the other parts say. */
  @ExportsPersonalData({ part: 'exports', tables: ['exports', 'export_pieces'] })
  async export(
    user_id: string,
    page: ExportPage,
  ): Promise<Pick<Export, 'id' | 'status' | 'created_at' | 'gathered_at' | 'expires_at' | 'downloads'>[]> {
    const exports = await this.exports.page(user_id, page);
    return exports.map(({ id, status, created_at, gathered_at, expires_at, downloads }) => {
      return { id, status, created_at, gathered_at, expires_at, downloads };
    });
  }

  /** Whatever takes the account from the caller has happened, and is seen here, or waits until we are done. */
  private async hold(actor: SessionPrincipal): Promise<void> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const user = await this.users.find(actor.id);
      if (user?.status !== 'active') throw new InvalidTokenError();
      if (await this.users.holdVersion(user.id, user.version)) return this.sessions.assertLasts(actor);
    }
    throw new ContendedError(1);
  }
}
