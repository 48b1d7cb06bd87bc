import { isIP, type AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Condition } from '../../common/condition.js';
import { Keyring } from '../../common/keyring.js';
import { wholeSeconds } from '../../common/rate-limit.js';
import { Settings } from '../../config/settings.js';
import { sign } from '../provider-events/signature.js';
import { BankRepository } from './bank.repository.js';

const ANSWER_MS = 5_000;
const BACKOFF_MS = 500;
const MOST_ATTEMPTS = 12;
const HOUR_S = 3_600;
const BATCH = 20;

interface Event {
  readonly seq: string;
  readonly payload: object;
  readonly manner: string;
  readonly attempts: number;
}

/** Brings the bank's events to our own door, over real HTTP, signed as a bank would. */
@Injectable()
export class Deliveries {
  private readonly condition = new Condition(new Logger(Deliveries.name), 'Delivering the simulator’s webhooks');

  constructor(
    private readonly repository: BankRepository,
    private readonly keyring: Keyring,
    private readonly settings: Settings,
    private readonly host: HttpAdapterHost,
  ) {}

  /** Delivers what is due. @returns how many there were. */
  async deliverDue(): Promise<number> {
    const due = await this.claim('next_attempt_at <= now()', []);
    await Promise.all(due.map((event) => this.deliver(event)));
    return due.length;
  }

  /** Delivers now what there is about a charge, one after the other. */
  async deliverOf(charge_id: string): Promise<void> {
    for (const event of await this.claim('charge_id = $2', [charge_id])) await this.deliver(event);
  }

  /**
   * Delivers everything that waits, in this order, with copies and losses as wanted.
   * @returns how many were brought.
   */
  async flush(order: 'fifo' | 'random' | 'reverse', duplicates: number, drop_percent: number): Promise<number> {
    const waiting = await this.claim('true', [], 1_000);
    const inOrder = waiting.toSorted((one, other) => (BigInt(one.seq) < BigInt(other.seq) ? -1 : 1));
    const events = { fifo: inOrder, reverse: inOrder.toReversed(), random: shuffled(inOrder) }[order];
    let brought = 0;
    for (const event of events) {
      if (Math.random() * 100 < drop_percent) {
        await this.giveUp(event);
        continue;
      }
      for (let copy = 0; copy <= duplicates; copy++) await this.deliver(event);
      brought += 1;
    }
    return brought;
  }

  private claim(condition: string, parameters: unknown[], limit = BATCH): Promise<Event[]> {
    return this.repository.query<Event>(
      `UPDATE simulator.events AS e SET attempts = e.attempts + 1,
         next_attempt_at = now() + ${ANSWER_MS + BACKOFF_MS} * interval '1 millisecond'
       FROM (SELECT seq FROM simulator.events WHERE delivered_at IS NULL AND given_up_at IS NULL AND ${condition}
         ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
       WHERE e.seq = due.seq RETURNING e.seq, e.payload, e.manner, e.attempts`,
      [limit, ...parameters],
    );
  }

  private async deliver(event: Event): Promise<void> {
    try {
      const status = await this.post(event);
      this.condition.works();
      if (status < 300) return await this.end(event, 'delivered_at');
      // A signature that is wrong does not get better.
      const hopeless = event.manner === 'bad_signature' || event.manner === 'stale_timestamp';
      if (hopeless || event.attempts >= MOST_ATTEMPTS) await this.giveUp(event);
      else await this.postpone(event);
    } catch (error) {
      this.condition.fails(error);
      await this.postpone(event).catch(() => undefined);
    }
  }

  private async post({ payload, manner }: Event): Promise<number> {
    const body = Buffer.from(JSON.stringify(payload));
    const secret = this.keyring.derive('simulator-webhooks');
    const now = wholeSeconds(Date.now()) - (manner === 'stale_timestamp' ? HOUR_S : 0);
    const signature = sign(manner === 'bad_signature' ? 'another secret' : secret, now, body);
    const answer = await fetch(`${this.url()}/api/v1/webhooks/simulator`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', 'simulator-signature': signature },
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  /** This very process where it listens, else wherever the service is reached. */
  private url(): string {
    const server = this.host.httpAdapter?.getHttpServer() as Server | undefined;
    const address = server?.listening ? (server.address() as AddressInfo) : null;
    if (!address) return this.settings.PUBLIC_URL;
    const everywhere = address.address === '::' || address.address === '0.0.0.0';
    const name = everywhere ? '127.0.0.1' : isIP(address.address) === 6 ? `[${address.address}]` : address.address;
    return `http://${name}:${address.port}`;
  }

  private giveUp(event: Event): Promise<void> {
    return this.end(event, 'given_up_at');
  }

  private async end({ seq }: Event, how: 'delivered_at' | 'given_up_at'): Promise<void> {
    await this.repository.query(`UPDATE simulator.events SET ${how} = now() WHERE seq = $1`, [seq]);
  }

  private async postpone({ seq, attempts }: Event): Promise<void> {
    await this.repository.query(
      `UPDATE simulator.events SET next_attempt_at = now() + $2 * interval '1 millisecond' WHERE seq = $1`,
      [seq, BACKOFF_MS * 2 ** Math.min(attempts, 8)],
    );
  }
}

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item);
