import { Injectable } from '@nestjs/common';
import type { SessionPrincipal } from '../../common/access.js';
import { uuidv7 } from '../../common/uuid.js';
import { Limiter } from '../../limits/limiter.js';
import { MailService } from '../../mail/mail.service.js';
import { UsersRepository } from '../../users/users.repository.js';
import { Accounts } from '../accounts.js';
import { OneTimeTokensService } from '../one-time-tokens/one-time-tokens.service.js';
import { Reauthentication } from '../reauthentication.js';
import type { EmailChange } from './email.dto.js';

/** Asking for another address. It becomes the account's when somebody opens the link that is sent to it. */
@Injectable()
export class AddressChangeService {
  constructor(
    private readonly reauthentication: Reauthentication,
    private readonly accounts: Accounts,
    private readonly users: UsersRepository,
    private readonly tokens: OneTimeTokensService,
    private readonly mail: MailService,
    private readonly limiter: Limiter,
  ) {}

  /**
   * Mails a link to the new address, whether or not it is somebody's: nobody looks, so that nothing is told. Where it is
   * taken, the constraint says so to whoever opens the link, and that is the one who reads the mail of that address.
   * @throws {InvalidCredentialsError} the password is wrong.
   * @throws {InvalidMfaCodeError} there is a second factor, and the code is missing, wrong or was used.
   * @throws {RateLimitedError} too many attempts, or too many mails to that address.
   */
  async request(actor: SessionPrincipal, { email, password, code }: EmailChange): Promise<void> {
    await this.reauthentication.byBoth(actor, { password, code }, async (proven) => {
      // Like every mail that anybody can have sent to any address: it is not to be flooded by us. Counted by itself, so that
      // nobody bars the recovery of whoever has the address.
      await this.limiter.take({ recovery: `change ${email}` });
      return this.accounts.whileAt(proven, async () => {
        const user = await this.users.find(proven.id);
        if (user) await this.send(user, email);
        return true;
      });
    });
  }

  private async send(user: { id: string; tenant_id: string; full_name: string }, email: string): Promise<void> {
    const url = await this.tokens.issueLink('email_change', user, email);
    const { id, tenant_id, full_name } = user;
    await this.mail.send({
      template: 'verify-email',
      tenant_id,
      subject_id: id,
      dedupe_key: uuidv7(),
      to: { name: full_name, address: email },
      data: { full_name, url },
    });
  }
}
