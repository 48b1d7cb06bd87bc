import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Outbox1770000300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE outbox (
        id              uuid        CONSTRAINT outbox_pkey PRIMARY KEY,
        tenant_id       uuid        NOT NULL,
        topic           text        NOT NULL,
        dedupe_key      text        NOT NULL,
        subject_id      uuid,
        payload         bytea,
        key_id          text,
        status          text        NOT NULL DEFAULT 'pending'
                                    CONSTRAINT outbox_status_known CHECK (status IN ('pending', 'sent', 'dead')),
        attempts        integer     NOT NULL DEFAULT 0,
        dispatches      integer     NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        lease_until     timestamptz,
        last_error      text,
        created_at      timestamptz NOT NULL DEFAULT now(),
        tried_since     timestamptz NOT NULL DEFAULT now(),
        sent_at         timestamptz CONSTRAINT outbox_sent_dated CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
        CONSTRAINT outbox_topic_dedupe_key UNIQUE (topic, dedupe_key),
        CONSTRAINT outbox_payload_sealed CHECK ((payload IS NULL) = (key_id IS NULL)),
        CONSTRAINT outbox_pending_has_payload CHECK (status <> 'pending' OR payload IS NOT NULL),
        CONSTRAINT outbox_sent_has_none CHECK (status <> 'sent' OR payload IS NULL)
      );
      CREATE INDEX outbox_due ON outbox (topic, next_attempt_at) WHERE status = 'pending';
      CREATE INDEX outbox_dead ON outbox (topic) WHERE status = 'dead';
      CREATE INDEX outbox_sealed ON outbox (key_id) WHERE key_id IS NOT NULL;
      CREATE INDEX outbox_of_subject ON outbox (subject_id) WHERE payload IS NOT NULL;

      ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
      ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
      CREATE POLICY outbox_scope ON outbox USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE outbox');
  }
}
