import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Where the provider and we do not agree, and when we looked. Items hold ids, amounts and words of the code's own: nothing
 * of a person. What is at the provider and of no tenant of ours has none: its row is shown to no tenant's scope, since null
 * equals nothing, but to the system's alone, in which a platform admin reads. Runs are the installation's own.
 */
export class ReconciliationItems1770001180000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE reconciliation_items (
        id                 uuid        CONSTRAINT reconciliation_items_pkey PRIMARY KEY,
        tenant_id          uuid,
        kind               text        NOT NULL CONSTRAINT reconciliation_items_kind_known CHECK (kind IN (
                                         'missing_local', 'missing_provider', 'amount_mismatch', 'currency_mismatch', 'status_mismatch',
                                         'ledger_mismatch', 'stuck', 'key_horizon_passed', 'hold_expiring')),
        object_type        text        NOT NULL CONSTRAINT reconciliation_items_object_known CHECK (object_type IN (
                                         'payment', 'refund', 'dispute', 'operation', 'request', 'ledger')),
        object_id          text        NOT NULL,
        payment_id         uuid,
        provider_object_id text,
        expected           jsonb,
        seen               jsonb,
        first_seen         timestamptz NOT NULL DEFAULT now(),
        last_seen          timestamptz NOT NULL DEFAULT now(),
        resolved_at        timestamptz
      );
      CREATE UNIQUE INDEX reconciliation_items_one_open ON reconciliation_items (kind, object_type, object_id)
        WHERE resolved_at IS NULL;
      CREATE INDEX reconciliation_items_open ON reconciliation_items (object_type, object_id) WHERE resolved_at IS NULL;
      CREATE INDEX reconciliation_items_newest ON reconciliation_items (tenant_id, id DESC);
      CREATE INDEX reconciliation_items_resolved ON reconciliation_items (resolved_at) WHERE resolved_at IS NOT NULL;
      CREATE INDEX reconciliation_items_of_payment ON reconciliation_items (payment_id) WHERE resolved_at IS NULL;

      ALTER TABLE reconciliation_items ENABLE ROW LEVEL SECURITY;
      ALTER TABLE reconciliation_items FORCE ROW LEVEL SECURITY;
      CREATE POLICY reconciliation_items_scope ON reconciliation_items USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );

      CREATE TABLE reconciliation_runs (
        id          uuid        CONSTRAINT reconciliation_runs_pkey PRIMARY KEY,
        night       date        CONSTRAINT reconciliation_runs_night_key UNIQUE,
        status      text        NOT NULL DEFAULT 'waiting' CONSTRAINT reconciliation_runs_status_known
                                CHECK (status IN ('waiting', 'running', 'finished', 'failed')),
        attempts    integer     NOT NULL DEFAULT 0,
        lease_until timestamptz CONSTRAINT reconciliation_runs_running_leased
                                CHECK ((status = 'running') = (lease_until IS NOT NULL)),
        created_at  timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz CONSTRAINT reconciliation_runs_finished_dated
                                CHECK ((status IN ('finished', 'failed')) = (finished_at IS NOT NULL))
      );
      CREATE UNIQUE INDEX reconciliation_runs_one_waiting ON reconciliation_runs (status) WHERE status = 'waiting';
      CREATE UNIQUE INDEX reconciliation_runs_one_running ON reconciliation_runs (status) WHERE status = 'running';
      CREATE INDEX reconciliation_runs_finished ON reconciliation_runs (finished_at) WHERE finished_at IS NOT NULL;
    `);
    // What is looked for now and then among all that there is.
    await runner.query(`
      CREATE INDEX payments_changed ON payments (updated_at);
      CREATE INDEX payments_held ON payments (capture_before) WHERE status = 'requires_capture';
      CREATE INDEX payments_set_aside ON payments (id) WHERE needs_review;
      CREATE INDEX payments_forgotten ON payments (id)
        WHERE status IN ('processing', 'requires_action', 'requires_capture') AND next_reconcile_at IS NULL AND NOT needs_review;
      CREATE INDEX payment_transitions_newest ON payment_transitions (created_at);
      CREATE INDEX ledger_transactions_newest ON ledger_transactions (created_at);
      CREATE INDEX provider_operations_unfinished ON provider_operations (post_until) WHERE state IN ('sent', 'unknown');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX payments_changed, payments_held, payments_set_aside, payments_forgotten, payment_transitions_newest,
        ledger_transactions_newest, provider_operations_unfinished;
      DROP TABLE reconciliation_runs;
      DROP TABLE reconciliation_items;
    `);
  }
}
