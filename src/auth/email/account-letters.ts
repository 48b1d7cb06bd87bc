import { Injectable } from '@nestjs/common';
import { MailService } from '../../mail/mail.service.js';
import { OnAccountChange, type AccountChange } from '../../users/account-changes.js';
import type { User } from '../../users/user.entity.js';
import { OneTimeTokensService } from '../one-time-tokens/one-time-tokens.service.js';

/**
 * What people get by mail when their account changes, and which links of theirs that voids. Here and not where accounts
 * are changed, since a mail may carry a link, and links are this feature's affair.
 */
@Injectable()
export class AccountLetters {
  constructor(
    private readonly tokens: OneTimeTokensService,
    private readonly mail: MailService,
  ) {}

  /** Joins the transaction of the change. */
  @OnAccountChange({})
  async followAccount(change: AccountChange): Promise<void> {
    const { action, user, changes } = change;
    if (action === 'user_created' && !user.email_verified) await this.welcome(user);
    if (changes.includes('email')) await this.followAddress(change);
    if (changes.includes('password_hash')) await this.followPassword(user);
    // Whoever asked may not have the second factor, which asking takes from now on.
    if (changes.includes('mfa_enabled')) await this.tokens.revoke(user.id, ['email_change']);
  }

  private async welcome(user: User): Promise<void> {
    const url = await this.tokens.issueLink('email_verification', user, user.email);
    const { full_name } = user;
    await this.mail.send({ template: 'welcome', ...addressed(user), dedupe_key: user.id, data: { full_name, url } });
  }

  /** Whoever reads the old address opens nothing any more. */
  private async followAddress({ user, old_email }: AccountChange): Promise<void> {
    await this.tokens.revoke(user.id);
    const { full_name } = user;
    for (const address of new Set([old_email ?? user.email, user.email])) {
      await this.mail.send({
        template: 'email-changed',
        ...addressed(user, address),
        dedupe_key: `${user.id}:${user.version}:${address === user.email ? 'new' : 'old'}`,
        data: { full_name },
      });
    }
    if (!user.email_verified) await this.askToVerify(user);
  }

  private async askToVerify(user: User): Promise<void> {
    const url = await this.tokens.issueLink('email_verification', user, user.email);
    const { full_name } = user;
    const dedupe_key = `${user.id}:${user.version}`;
    await this.mail.send({ template: 'verify-email', ...addressed(user), dedupe_key, data: { full_name, url } });
  }

  /** Whoever knew the old password may have asked for these. */
  private async followPassword(user: User): Promise<void> {
    await this.tokens.revoke(user.id, ['password_reset', 'email_change']);
    const { full_name } = user;
    const dedupe_key = `${user.id}:${user.version}`;
    await this.mail.send({ template: 'password-changed', ...addressed(user), dedupe_key, data: { full_name } });
  }
}

const addressed = ({ id, tenant_id, full_name, email }: User, address = email) => ({
  tenant_id,
  subject_id: id,
  to: { name: full_name, address },
});
