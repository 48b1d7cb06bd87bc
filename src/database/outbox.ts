import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Keyring } from '../common/keyring.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../common/personal-data.js';
import { Backlog } from '../common/probes.js';
import { traceparent } from '../common/trace.js';
import { uuidv7 } from '../common/uuid.js';
import { Database } from './database.js';
import { OutboxRepository, type OutboxCounts, type WaitingRow } from './outbox/outbox.repository.js';

/** A fact that must leave. */
export interface OutboxEntry {
  /** Who delivers it (`@DeliversOutbox`). */
  readonly topic: string;
  /** The same for the same fact, within its topic. */
  readonly dedupe_key: string;
  readonly tenant_id: string;
  /** The person whose data the payload holds. */
  readonly subject_id?: string;
  /** Stored sealed, as JSON, until it was delivered. */
  readonly payload: object;
}

/** What the deliverer of a topic gets. */
export interface OutboxMessage<Payload = unknown> {
  readonly id: string;
  readonly tenant_id: string;
  readonly subject_id: string | null;
  readonly created_at: Date;
  readonly payload: Payload;
}

/**
 * Marks the method that delivers a topic: `(message: OutboxMessage, signal: AbortSignal) => Promise<void>`. It runs outside
 * any transaction, at least once and never twice at a time; what it throws makes the message try again later. When the
 * signal is aborted it must give up: the process ends, or the row's lease does.
 */
export const DeliversOutbox = DiscoveryService.createDecorator<string>();

const PURPOSE = 'outbox';

/**
 * The one way for facts to leave: a row in the transaction that makes the fact true. Sending is not the caller's business,
 * nor whether anybody can be reached just now.
 */
@Injectable()
export class Outbox {
  private readonly listeners: ((topic: string) => void)[] = [];

  constructor(
    private readonly database: Database,
    private readonly rows: OutboxRepository,
    private readonly keyring: Keyring,
  ) {}

  /** Writes in the caller's transaction and scope. The second time that a topic gets the same key, nothing happens. */
  async add({ payload, subject_id, ...entry }: OutboxEntry): Promise<void> {
    const id = uuidv7();
    const { key_id, sealed } = this.keyring.seal(PURPOSE, JSON.stringify(payload), id);
    const row = { id, ...entry, subject_id: subject_id ?? null, payload: sealed, key_id, traceparent: traceparent() };
    await this.rows.insert(row);
    this.database.afterCommit(() => this.wake(entry.topic));
  }

  /** @throws {UnsealableError} */
  unseal({ id, payload, key_id }: { id: string; payload: Buffer; key_id: string }): unknown {
    return JSON.parse(this.keyring.open(PURPOSE, key_id, payload, id).toString());
  }

  /** Whether a message was neither delivered yet nor erased. Joins the caller's transaction and scope. */
  isWaiting(id: string): Promise<boolean> {
    return this.rows.isWaiting(id);
  }

  /** Empties what still waits to be told about, or to, this person: it is not told. Joins the caller's transaction. */
  @ErasesPersonalData({ tables: ['outbox'] })
  erase(subject_id: string): Promise<void> {
    return this.rows.erase(subject_id);
  }

  /** That something waits, of which kind and since when; what it says is a copy of other things, with tokens in it. */
  @ExportsPersonalData({ part: 'messages', tables: ['outbox'] })
  export(subject_id: string, page: ExportPage): Promise<WaitingRow[]> {
    return this.rows.waitingFor(subject_id, page);
  }

  @Backlog('outbox')
  counts(): Promise<OutboxCounts> {
    return this.rows.counts();
  }

  /** Calls `listener` when there may be something to send of a topic. Polling finds it too, only later. */
  onWake(listener: (topic: string) => void): void {
    this.listeners.push(listener);
  }

  wake(topic: string): void {
    for (const listener of this.listeners) listener(topic);
  }
}

export type { OutboxCounts } from './outbox/outbox.repository.js';
