import { Injectable } from '@nestjs/common';
import { hashOfToken, newOneTimeToken, TokenInvalidError } from '../../common/one-time-token.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { TenantsRepository } from '../../tenants/tenants.repository.js';
import type { User } from '../../users/user.entity.js';
import type { OneTimeTokenKind, OneTimeTokenRow } from './one-time-token.entity.js';
import { OneTimeTokensRepository } from './one-time-tokens.repository.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The page below ACCOUNT_URL that takes it, and how long it is good for. */
const KINDS: Readonly<Record<OneTimeTokenKind, { readonly page: string; readonly life_ms: number }>> = {
  email_verification: { page: 'verify-email', life_ms: DAY_MS },
  email_change: { page: 'verify-email', life_ms: DAY_MS },
  password_reset: { page: 'reset-password', life_ms: 30 * MINUTE_MS },
};

/** What a person is told of a link: nothing that opens anything. */
type ExportedLink = Pick<OneTimeTokenRow, 'id' | 'kind' | 'email' | 'created_at' | 'expires_at'>;

/** What mailed links are good for: once, for a while, and the newest alone. */
@Injectable()
export class OneTimeTokensService {
  constructor(
    private readonly tokens: OneTimeTokensRepository,
    private readonly tenants: TenantsRepository,
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /**
   * Joins the caller's transaction. Voids the user's older one of this kind.
   * @param email - where the link is going to be sent.
   * @returns the link. Its token is in the fragment, which browsers keep to themselves; it is stored nowhere.
   */
  async issueLink(kind: OneTimeTokenKind, user: Pick<User, 'id' | 'tenant_id'>, email: string): Promise<string> {
    const { token, token_hash } = newOneTimeToken();
    const { page, life_ms } = KINDS[kind];
    const expires_at = new Date(Date.now() + life_ms);
    await this.tokens.put({
      id: uuidv7(),
      tenant_id: user.tenant_id,
      user_id: user.id,
      kind,
      token_hash,
      email,
      expires_at,
    });
    return `${this.settings.ACCOUNT_URL}/${page}#token=${token}`;
  }

  /**
   * Whose it is; it stays good.
   * @throws {TokenInvalidError} none of these kinds, or no longer.
   */
  async get(kinds: readonly OneTimeTokenKind[], token: string): Promise<OneTimeTokenRow> {
    const found = await this.database.asSystem(() => this.tokens.find(kinds, hashOfToken(token)));
    if (!found) throw new TokenInvalidError();
    return found;
  }

  /**
   * Joins the caller's transaction: it is used up exactly when that commits. To be called under the account's lock, since
   * what changes an account revokes its tokens.
   * @throws {TokenInvalidError} somebody was quicker, or its time is over.
   */
  async use({ token_hash }: Pick<OneTimeTokenRow, 'token_hash'>): Promise<void> {
    if (!(await this.tokens.take(token_hash))) throw new TokenInvalidError();
  }

  /** @returns the same user; null where links are not for them: a disabled account, or tenant, neither gets nor uses one. */
  async findOwner(user: User | null): Promise<User | null> {
    if (user?.status !== 'active') return null;
    return (await this.tenants.find(user.tenant_id))?.status === 'active' ? user : null;
  }

  /** Joins the caller's transaction. */
  async revoke(user_id: string, kinds?: readonly OneTimeTokenKind[]): Promise<void> {
    await this.tokens.delete(user_id, kinds);
  }

  /** Which links were mailed to the person, and are still good. */
  @ExportsPersonalData({ part: 'mailed_links', tables: ['one_time_tokens'] })
  async export(user_id: string, page: ExportPage): Promise<ExportedLink[]> {
    const tokens = await this.tokens.page(user_id, page);
    return tokens.map(({ id, kind, email, created_at, expires_at }) => ({ id, kind, email, created_at, expires_at }));
  }

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['one_time_tokens'] })
  async erase(user_id: string): Promise<void> {
    await this.tokens.delete(user_id);
  }
}
