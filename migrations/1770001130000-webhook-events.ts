import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What providers told us. An event is a hint and no fact: of its content only what it is about is kept, and the object is
 * asked for again. An event that names no tenant of ours is the installation's own: the default tenant's.
 */
export class WebhookEvents1770001130000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_events (
        id                uuid        CONSTRAINT webhook_events_pkey PRIMARY KEY,
        tenant_id         uuid        NOT NULL,
        provider          text        NOT NULL,
        provider_event_id text        NOT NULL,
        type              text        NOT NULL,
        object_id         text        NOT NULL,
        livemode          boolean     NOT NULL,
        status            text        NOT NULL DEFAULT 'received' CONSTRAINT webhook_events_status_known
                                      CHECK (status IN ('received', 'processed', 'ignored', 'unmatched')),
        deliveries        integer     NOT NULL DEFAULT 1,
        received_at       timestamptz NOT NULL DEFAULT now(),
        processed_at      timestamptz CONSTRAINT webhook_events_processed_dated
                                      CHECK ((status = 'received') = (processed_at IS NULL)),
        CONSTRAINT webhook_events_provider_event_key UNIQUE (provider, provider_event_id)
      );
      CREATE INDEX webhook_events_waiting ON webhook_events (received_at) WHERE processed_at IS NULL;
      CREATE INDEX webhook_events_processed ON webhook_events (processed_at) WHERE processed_at IS NOT NULL;
      CREATE INDEX webhook_events_of_object ON webhook_events (provider, object_id);

      ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY;
      ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
      CREATE POLICY webhook_events_scope ON webhook_events USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_events');
  }
}
