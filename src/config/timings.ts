const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Every span of time that the code waits, leases or polls, in milliseconds. Not for operators: tests make them small. */
export class Timings {
  /** Between "not ready" and "no new connections", so that a balancer can leave. */
  readonly drain_ms: number = 500;
  /**
   * After this long a shutdown is cut short. A payment that was asked for while the process drained is answered within; and
   * with the 3 s before its signal it fits into the 15 s that Kubernetes and Compose wait.
   */
  readonly shutdown_ms: number = 11 * SECOND;
  /** How long a password may wait for its turn to be hashed before 503. */
  readonly hash_wait_ms: number = 3 * SECOND;
  /** The most that a session's `last_seen_at` lags behind. */
  readonly last_seen_ms: number = MINUTE;
  /** So long a refresh token that was used gets the very same answer again: the first one may have been lost. */
  readonly refresh_repeat_ms: number = 10 * SECOND;
  /** For so long a valid API key's requests are counted under the key, and not under their address. */
  readonly key_seen_ms: number = MINUTE;
  /** How often the outbox is looked through when nobody wakes the relay. */
  readonly outbox_poll_ms: number = SECOND;
  /** When a row that was handed to the queue and never taken up is handed over again. */
  readonly outbox_redispatch_ms: number = MINUTE;
  /** How long a worker may be busy with a row before another takes it over. */
  readonly outbox_lease_ms: number = 2 * MINUTE;
  readonly outbox_backoff_ms: number = 5 * SECOND;
  readonly outbox_backoff_max_ms: number = 5 * MINUTE;
  /** How often a consumer of a queue is looked at: whether it takes what waits. */
  readonly queue_watch_ms: number = 15 * SECOND;
  /** A row that could not be delivered for so long is dead. */
  readonly outbox_give_up_ms: number = 24 * 60 * MINUTE;
  /** About so often, what has had its time is deleted. */
  readonly retention_ms: number = 10 * MINUTE;
  /** About so often it is looked for writes to users that were broken off. */
  readonly user_writes_ms: number = 5 * SECOND;
  /** How often the first admin is looked for, where the database was not there, or not migrated, at the start. */
  readonly first_admin_ms: number = 5 * SECOND;
  readonly smtp_timeout_ms: number = 30 * SECOND;
  /** The longest that a health check waits for a dependency. */
  readonly probe_ms: number = SECOND;
  /** While Redis is away the limits are counted locally; so often it is tried again. */
  readonly limiter_retry_ms: number = SECOND / 2;
  /** How long the copy of a profile lives at most. */
  readonly profile_ms: number = 5 * MINUTE;
  /** The same where no Redis tells a process what others have changed. */
  readonly cache_alone_ms: number = 5 * SECOND;
  /** How long a process shows a tenant as it was, where another has changed it. */
  readonly tenant_copy_ms: number = 5 * SECOND;
  /** The longest that a request waits for the cache. */
  readonly cache_wait_ms: number = SECOND / 10;
  /** For so long a cache that does not answer is not asked. */
  readonly cache_pause_ms: number = SECOND / 2;
  /** How long a client waits for a payment in all, before it is answered `processing` and the rest is done behind it. */
  readonly payment_answer_ms: number = 8 * SECOND;
  /** The longest that a question in the background waits for the payment provider. */
  readonly provider_timeout_ms: number = 20 * SECOND;
  /** How long a question to the provider may wait for others to be answered. */
  readonly provider_wait_ms: number = 2 * SECOND;
  /** For so long a provider that cannot be reached is not asked. */
  readonly provider_pause_ms: number = 5 * SECOND;
  /** How long a request has a payment for itself: longer than it can take. */
  readonly payment_lease_ms: number = 90 * SECOND;
  /** How long a client that went away may come back with the same key and go on. */
  readonly payment_grace_ms: number = 15 * MINUTE;
  /** How often payments that are due are looked for. */
  readonly reconcile_poll_ms: number = 15 * SECOND;
  /** The first step of the reconciler's patience; later ones are multiples of it. */
  readonly reconcile_step_ms: number = 10 * SECOND;
  /** How long a provider's event may wait for a payment that it is about. */
  readonly webhook_unmatched_ms: number = 60 * MINUTE;
  /** How often a process looks whether a comparison with the provider is to be made: every night, or asked for. */
  readonly sweep_poll_ms: number = 15 * SECOND;
  /** How often what is about to run out is looked for. */
  readonly alerts_ms: number = 10 * MINUTE;
  /** How often the books are checked. */
  readonly invariants_ms: number = 60 * MINUTE;
  /** How often the simulator looks for webhooks to deliver. */
  readonly simulator_poll_ms: number = SECOND / 2;
  /** How long the simulator's slow payment methods take. */
  readonly simulator_delay_ms: number = 3 * SECOND;
  /** How often webhooks that are due are looked for. */
  readonly webhook_poll_ms: number = SECOND;
  /** How long a receiver of webhooks may take in all, from the look-up of its name on. */
  readonly webhook_timeout_ms: number = 15 * SECOND;
  /** How long a worker has a webhook for itself: longer than an attempt can take. */
  readonly webhook_lease_ms: number = MINUTE;
  /** How long a webhook waits after each attempt that failed; after the last one it is dead. */
  readonly webhook_backoff_ms: readonly number[] = [
    5 * SECOND,
    ...[5, 30].map((minutes) => minutes * MINUTE),
    ...[2, 5, 10, 14, 20, 24].map((hours) => hours * 60 * MINUTE),
  ];
  /** How long a secret signs webhooks beside the one that has taken its place. */
  readonly webhook_overlap_ms: number = 24 * 60 * MINUTE;
  readonly request_ms: number = 30 * SECOND;
  readonly headers_ms: number = 10 * SECOND;
  readonly keep_alive_ms: number = 65 * SECOND;
  /** How long a request waits for a database connection before 503. */
  readonly pool_wait_ms: number = 2 * SECOND;
  readonly statement_ms: number = 10 * SECOND;
  /** How long a list waits for the replica before the primary is asked. */
  readonly replica_wait_ms: number = 2 * SECOND;
  /** For so long a replica that did not answer is not asked. */
  readonly replica_pause_ms: number = 5 * SECOND;

  constructor(changes: Partial<Timings> = {}) {
    Object.assign(this, changes);
  }
}
