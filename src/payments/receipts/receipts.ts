import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { MailService, type MailRequest } from '../../mail/mail.service.js';
import type { User } from '../../users/user.entity.js';
import { UsersRepository } from '../../users/users.repository.js';
import { formatMoney } from '../money/currencies.js';
import { OnPaymentEvent } from '../payment-events.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';

/** As much of an event as a letter is made of. What it is about is a payment, or a refund or a dispute of one. */
export interface Happening {
  readonly type: string;
  readonly data: {
    readonly id: string;
    /** Of a refund or a dispute. */
    readonly payment_id?: string;
    readonly amount: number;
    readonly currency: string;
    /** Of a payment: its step. */
    readonly version?: number;
    /** Of a refund or a dispute, in the provider's words. */
    readonly reason?: string | null;
    readonly evidence_due_at?: Date | string | null;
  };
}

type Letter = (event: Happening, payment: Payment) => Promise<void>;

/** How many people are looked up at once. */
const PEOPLE = 100;

/**
 * Writes to people about their payments, and to those in charge about disputes. Events come at least once and in any order:
 * a letter is told from another by the fact that it tells, and what is no longer so is not written about.
 */
@Injectable()
export class Receipts {
  private readonly letters: Readonly<Record<string, Letter>> = {
    'payment.succeeded': (_, payment) => this.receipt(payment),
    'payment.requires_action': (event, payment) => this.callToAction(event, payment),
    'refund.succeeded': (event, payment) => this.refunded(event, payment),
    'dispute.opened': (event, payment) => this.disputed(event, payment),
  };

  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly users: UsersRepository,
    private readonly mail: MailService,
  ) {}

  /** @throws PostgreSQL, or the users' store, is away: the event comes again. */
  @OnPaymentEvent({})
  async follow(event: Happening): Promise<void> {
    const write = Object.hasOwn(this.letters, event.type) ? this.letters[event.type] : undefined;
    if (!write) return;
    const payment = await this.database.asSystem(() => this.payments.find(event.data.payment_id ?? event.data.id));
    if (payment) await this.database.asTenant(payment.tenant_id, () => write(event, payment));
  }

  private receipt(payment: Payment): Promise<void> {
    const { id, amount_captured, currency, captured_at } = payment;
    const amount = formatMoney(amount_captured, currency);
    const paid_at = (captured_at ?? payment.updated_at).toISOString();
    return this.toOwner(payment, ({ full_name }) => ({
      template: 'payment-receipt',
      dedupe_key: id,
      data: { full_name, payment_id: id, amount, reference: payment.reference, paid_at },
    }));
  }

  /** Only while it still waits, by this very step: the link of an earlier one leads nowhere. */
  private async callToAction({ data }: Happening, payment: Payment): Promise<void> {
    const { id, status, version, next_action, reference } = payment;
    if (status !== 'requires_action' || version !== data.version || !next_action) return;
    const amount = formatMoney(payment.amount, payment.currency);
    await this.toOwner(payment, ({ full_name }) => ({
      template: 'payment-action',
      dedupe_key: `${id}:${version}`,
      data: { full_name, payment_id: id, amount, reference, url: next_action.url },
    }));
  }

  private refunded({ data }: Happening, payment: Payment): Promise<void> {
    const { id: payment_id, reference } = payment;
    const amount = formatMoney(data.amount, data.currency);
    return this.toOwner(payment, ({ full_name }) => ({
      template: 'payment-refunded',
      dedupe_key: data.id,
      data: { full_name, payment_id, amount, reference },
    }));
  }

  private async disputed({ data }: Happening, { id: payment_id, tenant_id }: Payment): Promise<void> {
    const due_at = data.evidence_due_at ? new Date(data.evidence_due_at).toISOString() : null;
    const amount = formatMoney(data.amount, data.currency);
    for (const admin of await this.admins(tenant_id)) {
      await this.to(admin.id, ({ full_name }) => ({
        template: 'payment-disputed',
        dedupe_key: `${data.id}:${admin.id}`,
        data: { full_name, payment_id, amount, reason: data.reason ?? '', due_at },
      }));
    }
  }

  /** Who is in charge of a tenant just now. */
  private async admins(tenant_id: string): Promise<User[]> {
    const found: User[] = [];
    for (const role of ['admin', 'platform_admin'] as const) {
      for (let page = 1; ; page++) {
        const query = { tenant_id, role, status: 'active', sort: 'created_at', descending: false } as const;
        const { data } = await this.users.list({ ...query, page, per_page: PEOPLE });
        found.push(...data);
        if (data.length < PEOPLE) break;
      }
    }
    return found;
  }

  private toOwner({ owner_id }: Payment, letter: (user: User) => Content): Promise<void> {
    return this.to(owner_id, letter);
  }

  /** Not to somebody who is gone, nor to one who goes meanwhile: a deletion waits, and takes what has not left with it. */
  private to(user_id: string, letter: (user: User) => Content): Promise<void> {
    return this.database.transaction(async () => {
      await this.database.lock(`account:${user_id}`);
      const user = await this.users.find(user_id);
      if (!user) return;
      const { id: subject_id, tenant_id, full_name: name, email: address } = user;
      await this.mail.send({ ...letter(user), tenant_id, subject_id, to: { name, address } });
    });
  }
}

type Addressed = 'tenant_id' | 'subject_id' | 'to';
/** A letter without its envelope. */
type Content = MailRequest extends infer Request ? (Request extends unknown ? Omit<Request, Addressed> : never) : never;
