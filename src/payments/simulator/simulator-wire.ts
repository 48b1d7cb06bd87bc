import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { Bank, BankRefusal } from '../bank/bank.js';
import { BankRepository, type BankBooks } from '../bank/bank.repository.js';
import { Deliveries } from '../bank/deliveries.js';
import { findMethod, type Fault } from '../bank/payment-methods.js';
import { ProviderRejectedError, ProviderUnknownError, type Sending } from '../gateways/payment.gateway.js';
import { canonical } from '../idempotency/fingerprint.js';

const SLOW_MS = 5_000;
/** Of a method's faults, those that a second try does not meet again. */
const ONCE: readonly Fault[] = ['drop_before', 'drop_after', 'half_response', 'server_error', 'rate_limited'];
const BEFORE: readonly Fault[] = ['drop_before', 'server_error', 'rate_limited'];

/** A request's way to the bank and back. */
export interface Journey<Made> {
  readonly operation: 'create' | 'confirm' | 'capture' | 'cancel' | 'refund';
  /** All of it, which the key is bound to. */
  readonly request: object;
  /** What the payment method does to such requests. */
  readonly fault?: Fault | null;
  readonly work: (books: BankBooks) => Promise<Made>;
  /** The charge that it is about, and how that was paid. */
  readonly about: (made: Made) => { readonly id: string; readonly payment_method: string | null };
}

/** The wire to the simulated bank, with all that can go wrong on it. */
@Injectable()
export class SimulatorWire {
  constructor(
    private readonly bank: Bank,
    private readonly repository: BankRepository,
    private readonly deliveries: Deliveries,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {ProviderRejectedError} {@link ProviderUnknownError} */
  async perform<Made extends object>(
    { operation, request, fault: methodFault = null, work, about }: Journey<Made>,
    { idempotency_key: key, signal }: Sending,
  ): Promise<Made> {
    const hash = createHash('sha256').update(canonical(request)).digest();
    const { tries, same } = await this.repository.arrive(key, hash);
    if (!same) throw new ProviderRejectedError('idempotency_key_reused');
    const ordered = await this.repository.takeFault(operation);
    const spent = methodFault !== null && tries > 1 && ONCE.includes(methodFault);
    const fault = (ordered as Fault | null) ?? (spent ? null : methodFault);
    if (fault && BEFORE.includes(fault)) throw new ProviderUnknownError(fault);
    const made = await this.known(() => this.bank.once(key, work));
    await this.checkpoints.reach(`simulator.${operation}`);
    const { id, payment_method } = about(made);
    if (findMethod(payment_method)?.manner === 'before_response') await this.deliveries.deliverOf(id);
    await this.comeBack(fault, signal);
    return made;
  }

  /** A question's way to the bank and back. */
  async ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T> {
    const fault = (await this.repository.takeFault('fetch')) as Fault | null;
    if (fault && BEFORE.includes(fault)) throw new ProviderUnknownError(fault);
    await this.comeBack(fault, signal);
    return this.known(question);
  }

  /** What the bank refuses is a definite no. */
  async known<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw error instanceof BankRefusal ? new ProviderRejectedError(error.code) : error;
    });
  }

  /** Everything that has changed since then, page by page. What is not there yet is left out. */
  async *changed<T>(
    table: 'charges' | 'refunds' | 'disputes',
    since: Date,
    signal: AbortSignal,
    fetch: (id: string) => Promise<T>,
  ): AsyncIterable<T> {
    for (let after = ''; ;) {
      const ids = await this.ask(signal, () => this.repository.changed(table, since, after, PAGE));
      for (const id of ids) {
        const found = await fetch(id).catch((error: unknown) => {
          if (error instanceof BankRefusal) return null;
          throw error;
        });
        if (found !== null) yield found;
      }
      if (ids.length < PAGE) return;
      after = ids.at(-1)!;
    }
  }

  /** What was done is done; whether its answer arrives is another matter. */
  private async comeBack(fault: Fault | null, signal: AbortSignal): Promise<void> {
    if (fault === null) return;
    if (fault === 'slow' || fault === 'timeout') {
      const wait_ms = fault === 'slow' ? SLOW_MS : 2 ** 30;
      await sleep(wait_ms, undefined, { signal, ref: false }).catch(() => {
        throw new ProviderUnknownError('timeout');
      });
      return;
    }
    throw new ProviderUnknownError(fault);
  }
}

const PAGE = 100;
