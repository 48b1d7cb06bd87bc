import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { Keyring } from '../../common/keyring.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { ANSWER_PURPOSE, type IdempotencyKey, type RecoveryPoint } from './idempotency-key.entity.js';
import { IdempotencyKeysRepository, type NewKey } from './idempotency-keys.repository.js';
import { IdempotencyInProgressError, IdempotencyKeyReusedError } from './idempotency.errors.js';

/** An answer as it goes out. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a key has: the right to go on with its request, or the answer that was given. */
export type Claim =
  | { readonly kind: 'run'; readonly run: IdempotencyKey }
  | { readonly kind: 'replay'; readonly answer: Answer; readonly request_id: string };

const runs = new AsyncLocalStorage<IdempotencyKey>();

/**
 * Makes a request that is sent again have happened once. Whoever works under a key holds a lease with a token; each of
 * its transactions checks the token, so that one who was overtaken writes nothing any more.
 */
@Injectable()
export class IdempotencyKeys {
  constructor(
    private readonly database: Database,
    private readonly keys: IdempotencyKeysRepository,
    private readonly keyring: Keyring,
    private readonly timings: Timings,
    private readonly checkpoints: Checkpoints,
  ) {}

  /**
   * Of many at once with one key one gets to run.
   * @throws {IdempotencyKeyReusedError} the key belongs to another request.
   * @throws {IdempotencyInProgressError} the key's request is under way.
   */
  async claim(asked: NewKey): Promise<Claim> {
    const lock_token = randomUUID();
    const lease_ms = this.timings.payment_lease_ms;
    const run = await this.keys.insert(asked, lock_token, lease_ms);
    if (run) return this.begin(run);
    const known = await this.keys.find(asked.owner_id, asked.key);
    // Its request was refused before it began, in this very moment.
    if (!known) throw new IdempotencyInProgressError();
    if (!known.request_hash.equals(asked.request_hash)) throw new IdempotencyKeyReusedError();
    if (known.finished_at) return { kind: 'replay', answer: this.open(known), request_id: known.request_id };
    const taken = await this.keys.takeOver(known, { lock_token, request_id: asked.request_id }, lease_ms);
    if (!taken) throw new IdempotencyInProgressError();
    return this.begin(taken);
  }

  /** Runs `work` under the key: {@link current}, {@link fence} and {@link advance} within it are about this key. */
  within<T>(run: IdempotencyKey, work: () => Promise<T>): Promise<T> {
    return runs.run(run, work);
  }

  /** The key under which the running code works; undefined in the background. */
  current(): IdempotencyKey | undefined {
    return runs.getStore();
  }

  /** Whether an earlier run with this key may have asked the provider already. */
  isRepeated(): boolean {
    return (this.current()?.runs ?? 1) > 1;
  }

  /**
   * Call first in each transaction that belongs to the request: nobody overtakes it until the transaction ends.
   * @throws {IdempotencyInProgressError} somebody has overtaken us.
   */
  async fence(): Promise<void> {
    const run = this.current();
    if (run && !(await this.ofOwner(run, () => this.keys.hold(run.id, run.lock_token)))) {
      throw new IdempotencyInProgressError();
    }
  }

  /** Notes, in the caller's transaction, how far the request has come, and what it has made. */
  async advance(point: RecoveryPoint, made: { payment_id?: string; operation_id?: string } = {}): Promise<void> {
    const run = this.current();
    if (!run) return;
    await this.ofOwner(run, () => this.keys.advance(run.id, point, made));
    Object.assign(run, made, { recovery_point: point });
  }

  /** Keeps the answer for every repeat. @throws {IdempotencyInProgressError} somebody has overtaken us. */
  async finish(run: Pick<IdempotencyKey, 'id' | 'lock_token'>, { status, headers, body }: Answer): Promise<void> {
    const { sealed, key_id } = this.keyring.seal(ANSWER_PURPOSE, body, run.id);
    const answer = { response_status: status, response_headers: headers, response_body: sealed, key_id };
    if (!(await this.keys.finish(run, answer))) throw new IdempotencyInProgressError();
    await this.checkpoints.reach('key.finished');
  }

  release({ id, lock_token }: IdempotencyKey): Promise<void> {
    return this.keys.release(id, lock_token);
  }

  forget({ id, lock_token }: IdempotencyKey): Promise<void> {
    return this.keys.forget(id, lock_token);
  }

  /** The key lies in the tenant of whoever asks, which need not be the payment's. */
  private ofOwner<T>({ tenant_id }: IdempotencyKey, work: () => Promise<T>): Promise<T> {
    return this.database.asTenant(tenant_id, work);
  }

  private async begin(run: IdempotencyKey): Promise<Claim> {
    await this.checkpoints.reach('key.claimed');
    return { kind: 'run', run };
  }

  private open({ id, response_status, response_headers, response_body, key_id }: IdempotencyKey): Answer {
    const body = this.keyring.open(ANSWER_PURPOSE, key_id!, response_body!, id);
    return { status: response_status!, headers: response_headers!, body };
  }
}
