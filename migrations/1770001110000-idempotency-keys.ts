import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a client's key stands for. The request itself is not kept, only its digest; the answer is kept sealed. */
export class IdempotencyKeys1770001110000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_keys (
        id               uuid        CONSTRAINT idempotency_keys_pkey PRIMARY KEY,
        tenant_id        uuid        NOT NULL,
        owner_id         uuid        NOT NULL,
        key              text        NOT NULL CONSTRAINT idempotency_keys_key_length CHECK (char_length(key) BETWEEN 1 AND 255),
        request_hash     bytea       NOT NULL CONSTRAINT idempotency_keys_hash_length CHECK (octet_length(request_hash) = 32),
        request_path     text        NOT NULL,
        success_status   smallint    NOT NULL,
        recovery_point   text        NOT NULL DEFAULT 'started' CONSTRAINT idempotency_keys_point_known CHECK (recovery_point IN
                                       ('started', 'resource_created', 'provider_object_created', 'provider_asked', 'finished')),
        payment_id       uuid,
        operation_id     uuid,
        lock_token       uuid        NOT NULL,
        locked_until     timestamptz NOT NULL,
        runs             integer     NOT NULL DEFAULT 1,
        request_id       text        NOT NULL,
        response_status  smallint,
        response_headers jsonb,
        response_body    bytea,
        key_id           text,
        created_at       timestamptz NOT NULL DEFAULT now(),
        last_run_at      timestamptz NOT NULL DEFAULT now(),
        finished_at      timestamptz,
        CONSTRAINT idempotency_keys_owner_key UNIQUE (owner_id, key),
        CONSTRAINT idempotency_keys_finished_answered CHECK ((recovery_point = 'finished') = (response_status IS NOT NULL
          AND response_headers IS NOT NULL AND response_body IS NOT NULL AND key_id IS NOT NULL AND finished_at IS NOT NULL))
      );
      CREATE INDEX idempotency_keys_unfinished ON idempotency_keys (last_run_at) WHERE finished_at IS NULL;
      CREATE INDEX idempotency_keys_expired ON idempotency_keys (finished_at) WHERE finished_at IS NOT NULL;
      CREATE INDEX idempotency_keys_of_payment ON idempotency_keys (payment_id) WHERE finished_at IS NULL;
      CREATE INDEX idempotency_keys_sealed ON idempotency_keys (key_id) WHERE key_id IS NOT NULL;

      ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
      ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
      CREATE POLICY idempotency_keys_scope ON idempotency_keys USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys');
  }
}
