import type { MigrationInterface, QueryRunner } from 'typeorm';

const SCOPE = `tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'`;

const scoped = (table: string): string => `
      ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
      CREATE POLICY ${table}_scope ON ${table} USING (${SCOPE});`;

/** A payment, what was tried for it, what was asked of the provider, and each of its steps. */
export class Payments1770001100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE payments (
        id                    uuid        CONSTRAINT payments_pkey PRIMARY KEY,
        tenant_id             uuid        NOT NULL,
        owner_id              uuid        NOT NULL,
        reference             text        CONSTRAINT payments_reference_length CHECK (char_length(reference) BETWEEN 1 AND 100),
        description           text        CONSTRAINT payments_description_length CHECK (char_length(description) <= 500),
        metadata              jsonb       NOT NULL DEFAULT '{}'
                                          CONSTRAINT payments_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
        provider              text        NOT NULL CONSTRAINT payments_provider_known CHECK (provider IN ('stripe', 'simulator')),
        livemode              boolean     NOT NULL,
        provider_payment_id   text,
        amount                bigint      NOT NULL CONSTRAINT payments_amount_range CHECK (amount BETWEEN 1 AND 999999999999),
        currency              text        NOT NULL CONSTRAINT payments_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
        amount_authorized     bigint      NOT NULL DEFAULT 0 CONSTRAINT payments_authorized_sign CHECK (amount_authorized >= 0),
        amount_captured       bigint      NOT NULL DEFAULT 0 CONSTRAINT payments_captured_sign CHECK (amount_captured >= 0),
        amount_refunded       bigint      NOT NULL DEFAULT 0 CONSTRAINT payments_refunded_sign CHECK (amount_refunded >= 0),
        amount_refund_pending bigint      NOT NULL DEFAULT 0 CONSTRAINT payments_refund_pending_sign CHECK (amount_refund_pending >= 0),
        capture_method        text        NOT NULL CONSTRAINT payments_capture_method_known
                                          CHECK (capture_method IN ('automatic', 'manual')),
        payment_method        jsonb,
        status                text        NOT NULL CONSTRAINT payments_status_known CHECK (status IN (
                                            'requires_confirmation', 'processing', 'requires_action', 'requires_payment_method',
                                            'requires_capture', 'succeeded', 'canceled')),
        cancellation_reason   text,
        last_error            jsonb,
        sealed_action         bytea,
        key_id                text,
        dispute_status        text,
        needs_review          boolean     NOT NULL DEFAULT false,
        review_reason         text,
        capture_before        timestamptz,
        next_reconcile_at     timestamptz,
        reconcile_attempts    integer     NOT NULL DEFAULT 0,
        version               integer     NOT NULL DEFAULT 1,
        created_at            timestamptz NOT NULL DEFAULT now(),
        updated_at            timestamptz NOT NULL DEFAULT now(),
        authorized_at         timestamptz,
        captured_at           timestamptz,
        canceled_at           timestamptz,
        CONSTRAINT payments_id_currency_key UNIQUE (id, currency),
        CONSTRAINT payments_provider_payment_key UNIQUE (provider, provider_payment_id),
        CONSTRAINT payments_amounts_nested CHECK (amount_captured <= amount_authorized AND amount_authorized <= amount),
        CONSTRAINT payments_refunds_capped CHECK (amount_refunded + amount_refund_pending <= amount_captured),
        CONSTRAINT payments_succeeded_is_paid CHECK (status <> 'succeeded' OR (amount_captured > 0 AND captured_at IS NOT NULL)),
        CONSTRAINT payments_canceled_is_unpaid CHECK (status <> 'canceled' OR (amount_captured = 0 AND canceled_at IS NOT NULL)),
        CONSTRAINT payments_open_is_scheduled CHECK (status NOT IN ('processing', 'requires_action', 'requires_capture')
                                                     OR next_reconcile_at IS NOT NULL OR needs_review),
        CONSTRAINT payments_action_sealed CHECK ((sealed_action IS NULL) = (key_id IS NULL))
      );
      CREATE UNIQUE INDEX payments_owner_reference ON payments (owner_id, reference)
        WHERE reference IS NOT NULL AND status <> 'canceled';
      CREATE INDEX payments_newest ON payments (tenant_id, id DESC);
      CREATE INDEX payments_of_owner ON payments (owner_id, id DESC);
      CREATE INDEX payments_by_status ON payments (tenant_id, status, id DESC);
      CREATE INDEX payments_due ON payments (next_reconcile_at) WHERE next_reconcile_at IS NOT NULL;
      CREATE INDEX payments_sealed ON payments (key_id) WHERE key_id IS NOT NULL;
      ${scoped('payments')}

      CREATE TABLE payment_attempts (
        id                  uuid        CONSTRAINT payment_attempts_pkey PRIMARY KEY,
        tenant_id           uuid        NOT NULL,
        payment_id          uuid        NOT NULL CONSTRAINT payment_attempts_payment_fkey REFERENCES payments (id),
        seq                 integer     NOT NULL CONSTRAINT payment_attempts_seq_positive CHECK (seq > 0),
        payment_method      text,
        status              text        NOT NULL CONSTRAINT payment_attempts_status_known CHECK (status IN (
                                          'submitted', 'processing', 'requires_action', 'authorized', 'succeeded', 'declined', 'canceled')),
        provider_attempt_id text,
        error_code          text,
        decline_code        text,
        created_at          timestamptz NOT NULL DEFAULT now(),
        finished_at         timestamptz CONSTRAINT payment_attempts_finished_dated
                                        CHECK ((status IN ('succeeded', 'declined', 'canceled')) = (finished_at IS NOT NULL)),
        CONSTRAINT payment_attempts_seq_key UNIQUE (payment_id, seq),
        CONSTRAINT payment_attempts_provider_key UNIQUE (payment_id, provider_attempt_id)
      );
      CREATE UNIQUE INDEX payment_attempts_one_open ON payment_attempts (payment_id) WHERE finished_at IS NULL;
      ${scoped('payment_attempts')}

      CREATE TABLE provider_operations (
        id                  uuid        CONSTRAINT provider_operations_pkey PRIMARY KEY,
        tenant_id           uuid        NOT NULL,
        payment_id          uuid        NOT NULL CONSTRAINT provider_operations_payment_fkey REFERENCES payments (id),
        provider            text        NOT NULL,
        operation           text        NOT NULL CONSTRAINT provider_operations_operation_known
                                        CHECK (operation IN ('create', 'confirm', 'capture', 'cancel')),
        seq                 integer     NOT NULL,
        idempotency_key     text        NOT NULL,
        request             jsonb       NOT NULL,
        state               text        NOT NULL CONSTRAINT provider_operations_state_known
                                        CHECK (state IN ('sent', 'succeeded', 'rejected', 'unknown')),
        attempts            integer     NOT NULL DEFAULT 1,
        first_sent_at       timestamptz NOT NULL DEFAULT now(),
        last_sent_at        timestamptz NOT NULL DEFAULT now(),
        post_until          timestamptz NOT NULL,
        error_code          text,
        created_at          timestamptz NOT NULL DEFAULT now(),
        finished_at         timestamptz CONSTRAINT provider_operations_finished_dated
                                        CHECK ((state IN ('succeeded', 'rejected')) = (finished_at IS NOT NULL)),
        CONSTRAINT provider_operations_key UNIQUE (provider, idempotency_key),
        CONSTRAINT provider_operations_seq_key UNIQUE (payment_id, operation, seq)
      );
      ${scoped('provider_operations')}

      CREATE TABLE payment_transitions (
        id          uuid        CONSTRAINT payment_transitions_pkey PRIMARY KEY,
        tenant_id   uuid        NOT NULL,
        payment_id  uuid        NOT NULL CONSTRAINT payment_transitions_payment_fkey REFERENCES payments (id),
        version     integer     NOT NULL,
        from_status text,
        to_status   text        NOT NULL,
        actor       text        NOT NULL CONSTRAINT payment_transitions_actor_known
                                CHECK (actor IN ('api', 'webhook', 'reconciler')),
        actor_id    uuid,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT payment_transitions_version_key UNIQUE (payment_id, version)
      );
      CREATE TRIGGER payment_transitions_append_only BEFORE UPDATE OR DELETE ON payment_transitions
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER payment_transitions_no_truncate BEFORE TRUNCATE ON payment_transitions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      ${scoped('payment_transitions')}
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE payment_transitions; DROP TABLE provider_operations; DROP TABLE payment_attempts; DROP TABLE payments',
    );
  }
}
