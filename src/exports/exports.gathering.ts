import { Injectable } from '@nestjs/common';
import { newOneTimeToken } from '../common/one-time-token.js';
import { UnavailableError } from '../common/service-error.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { DeliversOutbox, type OutboxMessage } from '../database/outbox.js';
import { MailService } from '../mail/mail.service.js';
import { UsersRepository } from '../users/users.repository.js';
import { ExportDocuments } from './export-documents.js';
import { ExportsRepository } from './exports.repository.js';
import { EXPORT, type ExportRequest } from './exports.service.js';

/** The person changed meanwhile, and the mail may have got another address: it is gathered anew. */
class AccountChangedError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The account changed while it was exported';
}

/** Gathers what was asked for, behind the requests. */
@Injectable()
export class ExportsGathering {
  constructor(
    private readonly exports: ExportsRepository,
    private readonly documents: ExportDocuments,
    private readonly users: UsersRepository,
    private readonly mail: MailService,
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /**
   * The document, its token's hash and the mail with the link come to be in one transaction, which shows one moment of the
   * person's data; a crash before its end leaves the request, one after it leaves nothing to do.
   * @throws {AccountChangedError} it comes again.
   */
  @DeliversOutbox(EXPORT)
  gather({ payload }: OutboxMessage<ExportRequest>, signal: AbortSignal): Promise<void> {
    return this.database.asSystem(() => this.database.snapshot(() => this.write(payload.export_id, signal)));
  }

  private async write(id: string, signal: AbortSignal): Promise<void> {
    await this.exports.dropWhereClosed(id);
    const pending = await this.exports.findPending(id);
    const user = pending && (await this.users.find(pending.user_id));
    // It was gathered before, or nobody waits for it any more, or nobody may have it now.
    if (!pending || !user) return;
    // Row-level security keeps watch over the exporters: only a platform admin's trail leads into other tenants.
    const written = await this.database.asPrincipal(user, () => this.documents.write(pending, signal));
    // From here on whatever happens to the tenant or the account waits, and finds what is written here: the tenant's row
    // first, as whoever decides about an account takes them.
    await this.exports.holdTenant(pending);
    if (!(await this.users.holdVersion(user.id, user.version))) throw new AccountChangedError();
    const { token, token_hash } = newOneTimeToken();
    await this.exports.finish(pending, { token_hash, ...written });
    await this.mail.send({
      template: 'export-ready',
      tenant_id: user.tenant_id,
      subject_id: user.id,
      dedupe_key: id,
      to: { name: user.full_name, address: user.email },
      data: { full_name: user.full_name, url: `${this.settings.ACCOUNT_URL}/export#token=${token}` },
    });
  }
}
