import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The trail is read by tenant, newest first; and API keys act in it under their own name. */
export class AuditReading1770000950000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE audit_events
        DROP CONSTRAINT audit_events_actor_known,
        DROP CONSTRAINT audit_events_actor_named,
        ADD CONSTRAINT audit_events_actor_known CHECK (actor_type IN ('user', 'api_key', 'anonymous', 'system')),
        ADD CONSTRAINT audit_events_actor_named CHECK ((actor_type IN ('user', 'api_key')) = (actor_id IS NOT NULL));

      DROP INDEX audit_events_newest;
      CREATE INDEX audit_events_newest ON audit_events (tenant_id, id DESC);
      CREATE INDEX audit_events_of_actor ON audit_events (tenant_id, actor_id, id DESC);
      CREATE INDEX audit_events_of_subject ON audit_events (tenant_id, subject_id, id DESC);
      CREATE INDEX audit_events_of_action ON audit_events (tenant_id, action, id DESC);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    // What keys have done stays in the trail, which nobody may rewrite: the old rules are for new rows.
    await runner.query(`
      DROP INDEX audit_events_of_action;
      DROP INDEX audit_events_of_subject;
      DROP INDEX audit_events_of_actor;
      DROP INDEX audit_events_newest;
      CREATE INDEX audit_events_newest ON audit_events (tenant_id, at DESC, id DESC);
      ALTER TABLE audit_events
        DROP CONSTRAINT audit_events_actor_known,
        DROP CONSTRAINT audit_events_actor_named,
        ADD CONSTRAINT audit_events_actor_known CHECK (actor_type IN ('user', 'anonymous', 'system')) NOT VALID,
        ADD CONSTRAINT audit_events_actor_named CHECK ((actor_type = 'user') = (actor_id IS NOT NULL)) NOT VALID;
    `);
  }
}
