import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The simulated bank's own books, in a schema of their own. It stands for somebody else's computer: no tenants, no
 * row-level security, and nothing of a person but where the client's browser is to return to, which leaves with the account.
 */
export class Simulator1770001140000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE SCHEMA simulator;
      CREATE TABLE simulator.charges (
        id                  text        CONSTRAINT charges_pkey PRIMARY KEY,
        payment_id          uuid        NOT NULL,
        tenant_id           uuid        NOT NULL,
        amount              bigint      NOT NULL CONSTRAINT charges_amount_positive CHECK (amount > 0),
        currency            text        NOT NULL,
        capture_method      text        NOT NULL,
        status              text        NOT NULL,
        payment_method      text,
        tries               integer     NOT NULL DEFAULT 0,
        amount_received     bigint      NOT NULL DEFAULT 0,
        error_code          text,
        decline_code        text,
        return_url          text,
        authentication_hash bytea,
        settles_at          timestamptz,
        settles_to          text,
        capture_before      timestamptz,
        cancellation_reason text,
        version             integer     NOT NULL DEFAULT 1,
        created_at          timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX charges_of_payment ON simulator.charges (payment_id);
      CREATE UNIQUE INDEX charges_authentication ON simulator.charges (authentication_hash);
      CREATE INDEX charges_settling ON simulator.charges (settles_at) WHERE settles_at IS NOT NULL;
      CREATE INDEX charges_held ON simulator.charges (capture_before) WHERE status = 'requires_capture';

      CREATE TABLE simulator.movements (
        id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT movements_pkey PRIMARY KEY,
        charge_id  text        NOT NULL CONSTRAINT movements_charge_fkey REFERENCES simulator.charges (id),
        payment_id uuid        NOT NULL,
        amount     bigint      NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX movements_of_payment ON simulator.movements (payment_id);

      CREATE TABLE simulator.requests (
        key          text        CONSTRAINT requests_pkey PRIMARY KEY,
        request_hash bytea       NOT NULL,
        tries        integer     NOT NULL DEFAULT 1,
        status       integer,
        body         jsonb,
        created_at   timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE simulator.events (
        seq             bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT events_pkey PRIMARY KEY,
        id              text        NOT NULL,
        charge_id       text        NOT NULL,
        payload         jsonb       NOT NULL,
        manner          text        NOT NULL DEFAULT 'plain',
        attempts        integer     NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        delivered_at    timestamptz,
        given_up_at     timestamptz,
        created_at      timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX events_due ON simulator.events (next_attempt_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;

      CREATE TABLE simulator.faults (
        id        bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT faults_pkey PRIMARY KEY,
        operation text        NOT NULL,
        fault     text        NOT NULL,
        remaining integer     NOT NULL CONSTRAINT faults_remaining_sign CHECK (remaining >= 0)
      );

      CREATE TABLE simulator.clock (
        one      boolean  NOT NULL DEFAULT true CONSTRAINT clock_pkey PRIMARY KEY CONSTRAINT clock_is_one CHECK (one),
        advanced interval NOT NULL DEFAULT '0'
      );
      INSERT INTO simulator.clock DEFAULT VALUES;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA simulator CASCADE');
  }
}
