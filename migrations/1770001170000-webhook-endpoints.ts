import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Where an integrator wants to hear of events, and what goes there: one row for each event and endpoint. What is sent is
 * sealed, as it holds people's data, and so are the secrets that it is signed with.
 */
export class WebhookEndpoints1770001170000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_endpoints (
        id                  uuid        CONSTRAINT webhook_endpoints_pkey PRIMARY KEY,
        tenant_id           uuid        NOT NULL,
        url                 text        NOT NULL CONSTRAINT webhook_endpoints_url_length CHECK (char_length(url) BETWEEN 1 AND 2048),
        events              text[]      NOT NULL CONSTRAINT webhook_endpoints_events_given CHECK (cardinality(events) > 0),
        description         text        CONSTRAINT webhook_endpoints_description_length CHECK (char_length(description) BETWEEN 1 AND 500),
        status              text        NOT NULL DEFAULT 'enabled'
                                        CONSTRAINT webhook_endpoints_status_known CHECK (status IN ('enabled', 'disabled')),
        disabled_reason     text        CONSTRAINT webhook_endpoints_reason_known CHECK (disabled_reason IN ('admin', 'gone')),
        secrets             bytea       NOT NULL,
        key_id              text        NOT NULL,
        previous_expires_at timestamptz,
        created_at          timestamptz NOT NULL DEFAULT now(),
        updated_at          timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT webhook_endpoints_disabled_for_a_reason CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
      );
      CREATE INDEX webhook_endpoints_of_tenant ON webhook_endpoints (tenant_id, id DESC);
      CREATE INDEX webhook_endpoints_sealed ON webhook_endpoints (key_id);

      CREATE TABLE webhook_deliveries (
        id              uuid        CONSTRAINT webhook_deliveries_pkey PRIMARY KEY,
        tenant_id       uuid        NOT NULL,
        endpoint_id     uuid        NOT NULL CONSTRAINT webhook_deliveries_endpoint_fkey
                                    REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
        event_id        uuid        NOT NULL,
        type            text        NOT NULL,
        subject_id      uuid,
        body            bytea       NOT NULL,
        key_id          text        NOT NULL,
        status          text        NOT NULL DEFAULT 'pending'
                                    CONSTRAINT webhook_deliveries_status_known CHECK (status IN ('pending', 'delivered', 'dead')),
        attempts        integer     NOT NULL DEFAULT 0,
        series_began    integer     NOT NULL DEFAULT 0,
        last_status     integer,
        last_error      text,
        next_attempt_at timestamptz DEFAULT now(),
        lease_until     timestamptz,
        created_at      timestamptz NOT NULL DEFAULT now(),
        delivered_at    timestamptz,
        CONSTRAINT webhook_deliveries_endpoint_event_key UNIQUE (endpoint_id, event_id),
        CONSTRAINT webhook_deliveries_delivered_dated CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
        CONSTRAINT webhook_deliveries_pending_due CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
        CONSTRAINT webhook_deliveries_series_begun CHECK (series_began BETWEEN 0 AND attempts)
      );
      CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE status = 'pending';
      CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (lease_until) WHERE lease_until IS NOT NULL;
      CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (endpoint_id, id DESC);
      CREATE INDEX webhook_deliveries_of_subject ON webhook_deliveries (subject_id, id) WHERE subject_id IS NOT NULL;
      CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (id) WHERE status = 'dead';
      CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);
      CREATE INDEX webhook_deliveries_sealed ON webhook_deliveries (key_id);
    `);
    for (const table of ['webhook_endpoints', 'webhook_deliveries']) {
      await runner.query(`
        ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY ${table}_scope ON ${table} USING (
          tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
          OR current_setting('app.system', true) = 'on'
        );
      `);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_deliveries; DROP TABLE webhook_endpoints');
  }
}
