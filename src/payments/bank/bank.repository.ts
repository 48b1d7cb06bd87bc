import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { Timings } from '../../config/timings.js';
import { dataSourceOptions, POOLS } from '../../database/data-source.js';
import { exact } from '../money/minor-units.js';
import type { PaymentStatus } from '../payment-states.js';

/** A charge as the bank has it. Amounts are the bank's: see money/provider-amounts.ts. */
export interface Charge {
  readonly id: string;
  readonly payment_id: string;
  readonly tenant_id: string;
  readonly amount: number;
  /** In lower case. */
  readonly currency: string;
  readonly capture_method: string;
  status: PaymentStatus;
  payment_method: string | null;
  /** How often it was confirmed. */
  tries: number;
  amount_received: number;
  error_code: string | null;
  decline_code: string | null;
  return_url: string | null;
  authentication_hash: Buffer | null;
  settles_at: Date | null;
  settles_to: 'succeed' | 'decline' | null;
  capture_before: Date | null;
  cancellation_reason: string | null;
}

/** What the bank answered under a key. */
export interface BankAnswer<Made = unknown> {
  /** The charge or the refund as it was then; null with an error. */
  readonly made: Made | null;
  readonly error: string | null;
}

/** Why money changes hands. */
export type MovementKind = 'charge' | 'refund' | 'refund_return' | 'dispute' | 'dispute_return';

interface BankRequest {
  readonly tries: number;
  readonly request_hash: Buffer;
  readonly status: number | null;
  readonly body: BankAnswer | null;
}

export const NOW = '(now() + (SELECT advanced FROM simulator.clock))';

/** The bank's books within one of its transactions. */
export class BankBooks {
  constructor(private readonly manager: EntityManager) {}

  async insert({ id, payment_id, tenant_id, amount, currency, capture_method }: Partial<Charge>): Promise<Charge> {
    const rows = await this.query<Charge>(
      `INSERT INTO simulator.charges (id, payment_id, tenant_id, amount, currency, capture_method, status)
       VALUES ($1, $2, $3, $4, $5, $6, 'requires_confirmation') RETURNING *`,
      [id, payment_id, tenant_id, amount, currency, capture_method],
    );
    return read(rows[0]!);
  }

  async find(id: string): Promise<Charge | null> {
    const [row] = await this.query<Charge>('SELECT * FROM simulator.charges WHERE id = $1', [id]);
    return row ? read(row) : null;
  }

  async lock(id: string): Promise<Charge | null> {
    const [row] = await this.query<Charge>('SELECT * FROM simulator.charges WHERE id = $1 FOR UPDATE', [id]);
    return row ? read(row) : null;
  }

  async lockByToken(hash: Buffer): Promise<Charge | null> {
    const [row] = await this.query<Charge>(
      'SELECT * FROM simulator.charges WHERE authentication_hash = $1 FOR UPDATE',
      [hash],
    );
    return row ? read(row) : null;
  }

  /** The one that matters, of what was made for a payment: one that was confirmed before one that was not. */
  async lockByPayment(payment_id: string): Promise<Charge | null> {
    const [row] = await this.query<Charge>(
      `SELECT * FROM simulator.charges WHERE payment_id = $1 ORDER BY tries DESC, created_at DESC LIMIT 1 FOR UPDATE`,
      [payment_id],
    );
    return row ? read(row) : null;
  }

  async save(charge: Charge): Promise<void> {
    await this.query(
      `UPDATE simulator.charges SET status = $2, payment_method = $3, tries = $4, amount_received = $5, error_code = $6,
         decline_code = $7, return_url = $8, authentication_hash = $9, settles_at = $10, settles_to = $11,
         capture_before = $12, cancellation_reason = $13, version = version + 1, changed_at = now() WHERE id = $1`,
      [
        charge.id,
        charge.status,
        charge.payment_method,
        charge.tries,
        charge.amount_received,
        charge.error_code,
        charge.decline_code,
        charge.return_url,
        charge.authentication_hash,
        charge.settles_at,
        charge.settles_to,
        charge.capture_before,
        charge.cancellation_reason,
      ],
    );
  }

  /** Money changes hands: what the invariant counts. @param amount - below zero where the payer gets it. */
  async move({ id, payment_id }: Charge, amount: number, kind: MovementKind): Promise<void> {
    await this.query('INSERT INTO simulator.movements (charge_id, payment_id, amount, kind) VALUES ($1, $2, $3, $4)', [
      id,
      payment_id,
      amount,
      kind,
    ]);
  }

  async tell(id: string, charge_id: string, payload: object, manner: string): Promise<void> {
    await this.query('INSERT INTO simulator.events (id, charge_id, payload, manner) VALUES ($1, $2, $3, $4)', [
      id,
      charge_id,
      JSON.stringify(payload),
      manner,
    ]);
  }

  async now(): Promise<Date> {
    const [row] = await this.query<{ now: Date }>(`SELECT ${NOW} AS now`);
    return row!.now;
  }

  /** The request's row, which nobody else works on until the transaction ends. */
  async lockRequest(key: string): Promise<BankRequest | null> {
    const [row] = await this.query<BankRequest>('SELECT * FROM simulator.requests WHERE key = $1 FOR UPDATE', [key]);
    return row ?? null;
  }

  async answer(key: string, answer: BankAnswer): Promise<void> {
    await this.query('UPDATE simulator.requests SET status = $2, body = $3 WHERE key = $1', [
      key,
      answer.error ? 400 : 200,
      JSON.stringify(answer),
    ]);
  }

  /** Charges whose time has come: to be settled, or to lapse. */
  async due(limit: number): Promise<Charge[]> {
    const rows = await this.query<Charge>(
      `SELECT * FROM simulator.charges WHERE settles_at <= ${NOW} OR (status = 'requires_capture' AND capture_before <= ${NOW})
       LIMIT $1 FOR UPDATE SKIP LOCKED`,
      [limit],
    );
    return rows.map(read);
  }

  async query<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const result = await this.manager.query<Row[] | [Row[], number]>(sql, parameters);
    return (/^\s*(UPDATE|DELETE|WITH[^]*UPDATE)/.test(sql) ? result[0] : result) as Row[];
  }
}

/**
 * The bank's own connection to its own schema, with its own commits: what has happened at the bank has happened, whatever
 * becomes of the transaction, or the process, that asked for it.
 */
@Injectable()
export class BankRepository implements OnApplicationShutdown {
  private source: Promise<DataSource> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {}

  async transaction<T>(work: (books: BankBooks) => Promise<T>): Promise<T> {
    const source = await this.connected();
    return source.transaction((manager) => work(new BankBooks(manager)));
  }

  /** Notes that a request has come, before anything is done about it. */
  async arrive(key: string, request_hash: Buffer): Promise<{ tries: number; same: boolean }> {
    const [row] = await this.query<BankRequest>(
      `INSERT INTO simulator.requests AS r (key, request_hash) VALUES ($1, $2)
       ON CONFLICT (key) DO UPDATE SET tries = r.tries + 1 RETURNING *`,
      [key, request_hash],
    );
    return { tries: row!.tries, same: row!.request_hash.equals(request_hash) };
  }

  /** A fault that somebody ordered for this operation, used up. */
  async takeFault(operation: string): Promise<string | null> {
    const [row] = await this.query<{ fault: string }>(
      `UPDATE simulator.faults SET remaining = remaining - 1 WHERE id = (
         SELECT id FROM simulator.faults WHERE operation = $1 AND remaining > 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
       ) RETURNING fault`,
      [operation],
    );
    return row?.fault ?? null;
  }

  /** Ids of what has changed since then, in their order, behind the one with the id `after`. */
  async changed(
    table: 'charges' | 'refunds' | 'disputes',
    since: Date,
    after: string,
    limit: number,
  ): Promise<string[]> {
    const rows = await this.query<{ id: string }>(
      `SELECT id FROM simulator.${table} WHERE changed_at >= $1 AND id > $2 ORDER BY id LIMIT $3`,
      [since, after, limit],
    );
    return rows.map(({ id }) => id);
  }

  async query<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return new BankBooks((await this.connected()).manager).query<Row>(sql, parameters);
  }

  async onApplicationShutdown(): Promise<void> {
    const source = await this.source?.catch(() => undefined);
    await source?.destroy();
  }

  private connected(): Promise<DataSource> {
    this.source ??= new DataSource({
      ...dataSourceOptions(this.settings.POSTGRES_URL, this.timings),
      applicationName: 'omni simulator',
      poolSize: POOLS.simulator,
    })
      .initialize()
      .catch((error: unknown) => {
        // Tried anew by whoever comes next.
        this.source = undefined;
        throw error;
      });
    return this.source;
  }
}

/** The driver gives amounts as texts. */
const read = (row: Charge): Charge => ({
  ...row,
  amount: exact(String(row.amount)),
  amount_received: exact(String(row.amount_received)),
});
