import type { MigrationInterface, QueryRunner } from 'typeorm';

const SCOPE = `tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'`;

const scoped = (table: string): string => `
      ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
      CREATE POLICY ${table}_scope ON ${table} USING (${SCOPE});`;

/**
 * What payers dispute at their banks, each step of it, and what the simulated bank has of it. The status is the provider's
 * own word, of a list that grows; what it means for us is in the columns beside it.
 */
export class Disputes1770001160000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE disputes (
        id                  uuid        CONSTRAINT disputes_pkey PRIMARY KEY,
        tenant_id           uuid        NOT NULL,
        payment_id          uuid        NOT NULL,
        currency            text        NOT NULL,
        provider            text        NOT NULL CONSTRAINT disputes_provider_known CHECK (provider IN ('stripe', 'simulator')),
        provider_dispute_id text        NOT NULL,
        amount              bigint      NOT NULL CONSTRAINT disputes_amount_positive CHECK (amount > 0),
        reason              text,
        status              text        NOT NULL,
        closed              boolean     NOT NULL,
        lost                boolean     NOT NULL,
        funds               text        NOT NULL CONSTRAINT disputes_funds_known
                                        CHECK (funds IN ('held', 'withdrawn', 'reinstated')),
        evidence_due_at     timestamptz,
        needs_review        boolean     NOT NULL DEFAULT false,
        review_reason       text,
        version             integer     NOT NULL DEFAULT 1,
        created_at          timestamptz NOT NULL DEFAULT now(),
        updated_at          timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT disputes_payment_fkey FOREIGN KEY (payment_id, currency) REFERENCES payments (id, currency),
        CONSTRAINT disputes_provider_dispute_key UNIQUE (provider, provider_dispute_id)
      );
      CREATE INDEX disputes_newest ON disputes (tenant_id, id DESC);
      CREATE INDEX disputes_of_payment ON disputes (payment_id, id DESC);
      ${scoped('disputes')}

      CREATE TABLE dispute_transitions (
        id          uuid        CONSTRAINT dispute_transitions_pkey PRIMARY KEY,
        tenant_id   uuid        NOT NULL,
        dispute_id  uuid        NOT NULL CONSTRAINT dispute_transitions_dispute_fkey REFERENCES disputes (id),
        version     integer     NOT NULL,
        from_status text,
        to_status   text        NOT NULL,
        funds       text        NOT NULL,
        actor       text        NOT NULL CONSTRAINT dispute_transitions_actor_known
                                CHECK (actor IN ('api', 'webhook', 'reconciler')),
        actor_id    uuid,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT dispute_transitions_version_key UNIQUE (dispute_id, version)
      );
      CREATE TRIGGER dispute_transitions_append_only BEFORE UPDATE OR DELETE ON dispute_transitions
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER dispute_transitions_no_truncate BEFORE TRUNCATE ON dispute_transitions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      ${scoped('dispute_transitions')}

      ALTER TABLE simulator.movements DROP CONSTRAINT movements_kind_known, ADD CONSTRAINT movements_kind_known
        CHECK (kind IN ('charge', 'refund', 'refund_return', 'dispute', 'dispute_return'));
      CREATE TABLE simulator.disputes (
        id              text        CONSTRAINT disputes_pkey PRIMARY KEY,
        charge_id       text        NOT NULL CONSTRAINT disputes_charge_fkey REFERENCES simulator.charges (id),
        payment_id      uuid        NOT NULL,
        tenant_id       uuid        NOT NULL,
        amount          bigint      NOT NULL CONSTRAINT disputes_amount_positive CHECK (amount > 0),
        currency        text        NOT NULL,
        status          text,
        funds           text        NOT NULL DEFAULT 'held',
        reason          text,
        evidence_due_at timestamptz,
        plan            text[]      NOT NULL,
        next_at         timestamptz,
        created_at      timestamptz NOT NULL DEFAULT now(),
        changed_at      timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX disputes_of_charge ON simulator.disputes (charge_id);
      CREATE INDEX disputes_planned ON simulator.disputes (next_at) WHERE next_at IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE simulator.disputes;
      DELETE FROM simulator.movements WHERE kind IN ('dispute', 'dispute_return');
      ALTER TABLE simulator.movements DROP CONSTRAINT movements_kind_known, ADD CONSTRAINT movements_kind_known
        CHECK (kind IN ('charge', 'refund', 'refund_return'));
      DROP TABLE dispute_transitions;
      DROP TABLE disputes;
    `);
  }
}
