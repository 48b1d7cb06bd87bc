import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Audit1770000200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
      END
      $$;
      CREATE TABLE audit_events (
        id           uuid        CONSTRAINT audit_events_pkey PRIMARY KEY,
        at           timestamptz NOT NULL DEFAULT now(),
        tenant_id    uuid        NOT NULL,
        actor_type   text        NOT NULL CONSTRAINT audit_events_actor_known
                                 CHECK (actor_type IN ('user', 'anonymous', 'system')),
        actor_id     uuid        CONSTRAINT audit_events_actor_named CHECK ((actor_type = 'user') = (actor_id IS NOT NULL)),
        action       text        NOT NULL,
        subject_type text,
        subject_id   uuid,
        outcome      text        NOT NULL CONSTRAINT audit_events_outcome_known CHECK (outcome IN ('success', 'failure')),
        reason       text,
        request_id   text,
        ip           text,
        changes      text[]      NOT NULL DEFAULT '{}'
      );
      CREATE INDEX audit_events_newest ON audit_events (tenant_id, at DESC, id DESC);
      CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

      ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
      ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
      CREATE POLICY audit_events_scope ON audit_events USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_events; DROP FUNCTION refuse_change()');
  }
}
