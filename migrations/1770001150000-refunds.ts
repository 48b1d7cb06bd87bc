import type { MigrationInterface, QueryRunner } from 'typeorm';

const SCOPE = `tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'`;

const scoped = (table: string): string => `
      ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
      CREATE POLICY ${table}_scope ON ${table} USING (${SCOPE});`;

/** Money that goes back, each of its steps, our word to the provider about it, and what the simulated bank has of it. */
export class Refunds1770001150000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE refunds (
        id                 uuid        CONSTRAINT refunds_pkey PRIMARY KEY,
        tenant_id          uuid        NOT NULL,
        payment_id         uuid        NOT NULL,
        currency           text        NOT NULL,
        provider           text        NOT NULL CONSTRAINT refunds_provider_known CHECK (provider IN ('stripe', 'simulator')),
        provider_refund_id text,
        amount             bigint      NOT NULL CONSTRAINT refunds_amount_positive CHECK (amount > 0),
        reason             text,
        status             text        NOT NULL CONSTRAINT refunds_status_known
                                       CHECK (status IN ('pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
        origin             text        NOT NULL CONSTRAINT refunds_origin_known CHECK (origin IN ('api', 'provider')),
        failure_code       text,
        metadata           jsonb       NOT NULL DEFAULT '{}'
                                       CONSTRAINT refunds_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
        needs_review       boolean     NOT NULL DEFAULT false,
        review_reason      text,
        next_reconcile_at  timestamptz,
        reconcile_attempts integer     NOT NULL DEFAULT 0,
        version            integer     NOT NULL DEFAULT 1,
        created_at         timestamptz NOT NULL DEFAULT now(),
        updated_at         timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT refunds_payment_fkey FOREIGN KEY (payment_id, currency) REFERENCES payments (id, currency),
        CONSTRAINT refunds_provider_refund_key UNIQUE (provider, provider_refund_id),
        CONSTRAINT refunds_imported_is_named CHECK (origin = 'api' OR provider_refund_id IS NOT NULL),
        CONSTRAINT refunds_open_is_scheduled CHECK (status NOT IN ('pending', 'requires_action')
                                                    OR next_reconcile_at IS NOT NULL OR needs_review)
      );
      CREATE INDEX refunds_newest ON refunds (tenant_id, id DESC);
      CREATE INDEX refunds_by_status ON refunds (tenant_id, status, id DESC);
      CREATE INDEX refunds_of_payment ON refunds (payment_id, id DESC);
      CREATE INDEX refunds_due ON refunds (next_reconcile_at) WHERE next_reconcile_at IS NOT NULL;
      ${scoped('refunds')}

      CREATE TABLE refund_transitions (
        id          uuid        CONSTRAINT refund_transitions_pkey PRIMARY KEY,
        tenant_id   uuid        NOT NULL,
        refund_id   uuid        NOT NULL CONSTRAINT refund_transitions_refund_fkey REFERENCES refunds (id),
        version     integer     NOT NULL,
        from_status text,
        to_status   text        NOT NULL,
        actor       text        NOT NULL CONSTRAINT refund_transitions_actor_known
                                CHECK (actor IN ('api', 'webhook', 'reconciler')),
        actor_id    uuid,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT refund_transitions_version_key UNIQUE (refund_id, version)
      );
      CREATE TRIGGER refund_transitions_append_only BEFORE UPDATE OR DELETE ON refund_transitions
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER refund_transitions_no_truncate BEFORE TRUNCATE ON refund_transitions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      ${scoped('refund_transitions')}

      ALTER TABLE provider_operations
        ADD COLUMN refund_id uuid CONSTRAINT provider_operations_refund_fkey REFERENCES refunds (id),
        DROP CONSTRAINT provider_operations_operation_known,
        ADD CONSTRAINT provider_operations_operation_known
          CHECK (operation IN ('create', 'confirm', 'capture', 'cancel', 'refund')),
        ADD CONSTRAINT provider_operations_refund_named CHECK ((operation = 'refund') = (refund_id IS NOT NULL)),
        ADD CONSTRAINT provider_operations_refund_key UNIQUE (refund_id);

      ALTER TABLE webhook_events ADD COLUMN object text NOT NULL DEFAULT 'payment'
        CONSTRAINT webhook_events_object_known CHECK (object IN ('payment', 'refund', 'dispute'));
      ALTER TABLE webhook_events ALTER COLUMN object DROP DEFAULT;
    `);
    await runner.query(`
      ALTER TABLE simulator.charges ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
      ALTER TABLE simulator.movements ADD COLUMN kind text NOT NULL DEFAULT 'charge'
        CONSTRAINT movements_kind_known CHECK (kind IN ('charge', 'refund', 'refund_return'));
      UPDATE simulator.requests SET body = jsonb_build_object('made', body -> 'charge', 'error', body -> 'error')
        WHERE body IS NOT NULL;
      CREATE TABLE simulator.refunds (
        id           text        CONSTRAINT refunds_pkey PRIMARY KEY,
        charge_id    text        NOT NULL CONSTRAINT refunds_charge_fkey REFERENCES simulator.charges (id),
        payment_id   uuid        NOT NULL,
        tenant_id    uuid        NOT NULL,
        refund_id    uuid,
        amount       bigint      NOT NULL CONSTRAINT refunds_amount_positive CHECK (amount > 0),
        currency     text        NOT NULL,
        status       text        NOT NULL,
        reason       text,
        failure_code text,
        settles_at   timestamptz,
        settles_to   text,
        created_at   timestamptz NOT NULL DEFAULT now(),
        changed_at   timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX refunds_of_charge ON simulator.refunds (charge_id);
      CREATE INDEX refunds_settling ON simulator.refunds (settles_at) WHERE settles_at IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE simulator.refunds;
      DELETE FROM simulator.requests;
      DELETE FROM simulator.movements WHERE kind <> 'charge';
      ALTER TABLE simulator.movements DROP COLUMN kind;
      ALTER TABLE simulator.charges DROP COLUMN changed_at;
      DELETE FROM webhook_events WHERE object <> 'payment';
      ALTER TABLE webhook_events DROP COLUMN object;
      DELETE FROM provider_operations WHERE operation = 'refund';
      ALTER TABLE provider_operations
        DROP COLUMN refund_id,
        DROP CONSTRAINT provider_operations_operation_known,
        ADD CONSTRAINT provider_operations_operation_known CHECK (operation IN ('create', 'confirm', 'capture', 'cancel'));
      DROP TABLE refund_transitions;
      DROP TABLE refunds;
    `);
  }
}
