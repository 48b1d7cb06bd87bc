import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { AuditService, type AuditAction } from '../audit/audit.service.js';
import { Hooks } from '../common/hooks.js';
import { ErasesPersonalData, type ErasedTables, type Eraser } from '../common/personal-data.js';
import type { User } from './user.entity.js';

/** What happened to an account, to whom it may concern. */
export interface AccountChange {
  readonly action: Extract<
    AuditAction,
    `user_${string}` | 'mfa_enabled' | 'mfa_disabled' | 'authz_change' | 'authn_password_change'
  >;
  /** As the change left it; as it was, when it is gone. */
  readonly user: User;
  /** Names of the fields that changed. */
  readonly changes: readonly (keyof User)[];
  /** The address that it had before, where `changes` names that. */
  readonly old_email?: string;
  /** How it came about, where that matters to somebody: a password that was reset was lost, perhaps to a thief. */
  readonly reason?: 'reset' | 'invited';
  /** The session that made the change and may go on after it. */
  readonly keeps_session?: string;
}

/** Marks a method that must hear of every change to an account, within the change's own transaction. */
export const OnAccountChange = DiscoveryService.createDecorator<Record<never, never>>();

type Listener = (change: AccountChange) => Promise<void>;

/** Tells the trail and the other features, so that users need not know who keeps sessions, keys or mails. */
@Injectable()
export class AccountChanges {
  constructor(
    private readonly hooks: Hooks,
    private readonly audit: AuditService,
  ) {}

  /** Joins the caller's transaction: what a listener does and the change itself happen together or not at all. */
  async publish(change: AccountChange): Promise<void> {
    const { action, user, changes, reason } = change;
    const { tenant_id, id } = user;
    await this.audit.record({ tenant_id, action, subject: { type: 'user', id }, changes, ...(reason && { reason }) });
    for (const { handle } of this.hooks.find<Record<never, never>, Listener>(OnAccountChange)) await handle(change);
    if (action !== 'user_deleted') return;
    for (const { handle } of this.hooks.find<ErasedTables, Eraser>(ErasesPersonalData)) await handle(user.id);
  }
}
