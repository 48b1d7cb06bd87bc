// What keeps payments right, guard by guard, and how each is taken away: see mutations.mjs.
/** @typedef {{ guard: string, file: string, from: string | RegExp, to: string, tests: string[] }} Mutation */

/** @type {Mutation[]} */
export const MUTATIONS = [
  {
    guard: 'the lock of a payment’s row',
    file: 'src/payments/payments.repository.ts',
    from: /, lock: \{ mode: 'pessimistic_write' \}/,
    to: '',
    tests: ['test/long/payments.races', '-t', 'F9'],
  },
  {
    guard: 'the index that allows one open try',
    file: 'migrations/1770001100000-payments.ts',
    from: 'CREATE UNIQUE INDEX payment_attempts_one_open',
    to: 'CREATE INDEX payment_attempts_one_open',
    tests: ['test/e2e/payments.guards', '-t', 'second try'],
  },
  {
    guard: 'the fencing of an overtaken request',
    file: 'src/payments/idempotency/idempotency-keys.ts',
    from: /async fence\(\): Promise<void> \{/,
    to: 'async fence(): Promise<void> {\n    if (this.timings) return;',
    tests: ['payments.(guards|processes)', '-t', 'F4'],
  },
  {
    guard: 'the ledger’s knowledge of what is posted',
    file: 'src/payments/ledger/ledger.repository.ts',
    from: '[id, tenant_id, event, source.type, source.id, payment_id, REVERSALS',
    to: '[id, tenant_id, event, source.type, id, payment_id, REVERSALS',
    tests: ['test/e2e/payments.guards', '-t', 'second posting'],
  },
  {
    guard: 'the trigger that balances the ledger',
    file: 'migrations/1770001120000-ledger.ts',
    from: /CREATE CONSTRAINT TRIGGER ledger_(entries|transactions)_balance[^;]*;/g,
    to: '',
    tests: ['test/e2e/payments.guards', '-t', 'I1'],
  },
  {
    guard: 'the cap of what goes back, in the database',
    file: 'migrations/1770001100000-payments.ts',
    from: 'amount_refunded + amount_refund_pending <= amount_captured',
    to: 'true',
    tests: ['test/e2e/payments.guards', '-t', 'payments_refunds_capped'],
  },
  {
    guard: 'the look at what is left',
    file: 'src/payments/repayments/refund-intents.ts',
    from: 'amount > max_refundable || amount === 0',
    to: 'amount === 0',
    tests: ['test/e2e/refunds.races', '-t', 'of mixed sizes'],
  },
  {
    guard: 'the look for a refund that is to be sent again',
    file: 'src/payments/repayments/refund-calls.ts',
    from: "if (made.kind !== 'rejected') return made;",
    to: "if (made.kind === 'unknown') return made;",
    tests: ['test/e2e/refunds.outcomes', '-t', 'looked for by our id'],
  },
  {
    guard: 'the inbox’s knowledge of what it has heard',
    file: 'src/payments/provider-events/provider-events.repository.ts',
    from: 'provider, provider_event_id, type, object, object_id, livemode, give_up_ms],',
    to: 'provider, uuidv7() + provider_event_id, type, object, object_id, livemode, give_up_ms],',
    tests: ['test/e2e/payments.webhooks', '-t', 'writes an event down, once'],
  },
];
