import { ApiProperty, OmitType } from '@nestjs/swagger';
import { DateTime, Id, QueryInteger, Text } from '../../common/fields.js';
import { KeysetOf, KeysetQuery } from '../../common/pagination.js';
import type { EntryRow } from '../ledger/entries.repository.js';
import type { AccountRow, BalanceRow } from '../ledger/ledger.repository.js';
import type { AccountType } from '../ledger/postings.js';
import { textOrNull, time, uuid } from '../money/documented.js';
import type { TimelineEntry } from './payment-history.js';

/** Sums may be larger than any amount, and below zero. */
const amount = (description: string, example = 4_200): PropertyDecorator =>
  ApiProperty({ type: 'integer', description, example });

const tenantOf = (): PropertyDecorator =>
  Id({
    optional: true,
    description: 'Of a platform admin: which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  });

export class BooksQuery {
  @tenantOf()
  tenant_id?: string;
}

/** Without a limit that is always there: who wants a table wants all of it. */
export class EntriesQuery extends OmitType(KeysetQuery, ['limit']) {
  @QueryInteger({ min: 1, max: 100, standard: 20, description: 'How many at most; as CSV all of them, unless told' })
  limit?: number;

  @Text({
    min: 3,
    max: 3,
    pattern: { test: /^[A-Za-z]{3}$/, message: 'must be three letters (ISO 4217)' },
    optional: true,
    description: 'In this currency: ISO 4217, in any case',
    example: 'EUR',
  })
  currency?: string;

  @DateTime({ optional: true, description: 'Posted at this time or later', example: '2026-01-31T12:00:00Z' })
  since?: Date;

  @DateTime({ optional: true, description: 'Posted before this time', example: '2036-01-31T12:00:00Z' })
  until?: Date;

  @tenantOf()
  tenant_id?: string;
}

export class TimelineEntryResponse implements TimelineEntry {
  @time()
  readonly at!: Date;

  @ApiProperty({ enum: ['transition', 'attempt', 'operation', 'refund', 'dispute'], example: 'transition' })
  readonly type!: TimelineEntry['type'];

  @ApiProperty({
    example: 'succeeded',
    description: 'A status, a try, a word to the provider, or which refund or dispute',
  })
  readonly what!: string;

  @ApiProperty({ example: 'succeeded' })
  readonly status!: string;

  @textOrNull('api')
  readonly actor!: string | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 2 })
  readonly version!: number | null;

  @textOrNull(null)
  readonly error_code!: string | null;

  @textOrNull(null)
  readonly decline_code!: string | null;
}

export class Timeline {
  @ApiProperty({ type: [TimelineEntryResponse], description: 'The oldest first' })
  readonly data!: TimelineEntry[];
}

export class EntrySource {
  @ApiProperty({ example: 'payment' })
  readonly type!: string;

  @uuid()
  readonly id!: string;
}

export class EntryResponse {
  @uuid()
  readonly id!: string;

  @time()
  readonly at!: Date;

  @uuid()
  readonly transaction_id!: string;

  @ApiProperty({ example: 'provider_receivable' })
  readonly account!: string;

  @ApiProperty({ enum: ['debit', 'credit'], example: 'debit' })
  readonly direction!: 'debit' | 'credit';

  @amount('In the minor unit of the currency')
  readonly amount!: number;

  @ApiProperty({ example: 'EUR' })
  readonly currency!: string;

  @ApiProperty({ type: EntrySource })
  readonly source!: EntrySource;

  @ApiProperty({ example: 'captured' })
  readonly event!: string;

  static from({ source_type, source_id, ...entry }: EntryRow): EntryResponse {
    const { id, at, transaction_id, account, direction, currency, event } = entry;
    const source = { type: source_type, id: source_id };
    return { id, at, transaction_id, account, direction, amount: entry.amount, currency, source, event };
  }
}

export class Entries {
  @ApiProperty({ type: [EntryResponse] })
  readonly data!: EntryResponse[];
}

export class EntryList extends KeysetOf(EntryResponse) {}

export class Balance implements BalanceRow {
  @ApiProperty({ example: 'EUR' })
  readonly currency!: string;

  @amount('The sum of all debits, in the minor unit')
  readonly debits!: bigint;

  @amount('The sum of all credits')
  readonly credits!: bigint;

  @amount('Debits without credits: zero, or something is wrong', 0)
  readonly difference!: bigint;
}

export class TrialBalance {
  @ApiProperty({ type: [Balance] })
  readonly data!: Balance[];
}

export class AccountResponse implements AccountRow {
  @ApiProperty({ example: 'sales' })
  readonly code!: string;

  @ApiProperty({ enum: ['asset', 'liability', 'income', 'contra_income', 'expense'], example: 'income' })
  readonly type!: AccountType;

  @ApiProperty({ example: 'EUR' })
  readonly currency!: string;

  @amount('In the minor unit; positive on the side where accounts of its type grow')
  readonly balance!: bigint;
}

export class Accounts {
  @ApiProperty({ type: [AccountResponse] })
  readonly data!: AccountResponse[];
}
