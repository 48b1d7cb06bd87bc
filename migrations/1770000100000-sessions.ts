import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Sessions1770000100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sessions (
        id           uuid        CONSTRAINT sessions_pkey PRIMARY KEY,
        tenant_id    uuid        NOT NULL,
        user_id      uuid        NOT NULL,
        role         text        NOT NULL CONSTRAINT sessions_role_known CHECK (role IN ('user', 'admin', 'platform_admin')),
        auth_time    timestamptz NOT NULL,
        user_agent   text        CONSTRAINT sessions_user_agent_length CHECK (char_length(user_agent) <= 300),
        ip           text        NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        expires_at   timestamptz NOT NULL CONSTRAINT sessions_expire_later CHECK (expires_at > created_at)
      );
      CREATE INDEX sessions_of_user ON sessions (user_id, created_at DESC);
      CREATE INDEX sessions_expired ON sessions (expires_at);

      ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
      ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
      CREATE POLICY sessions_scope ON sessions USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
    // The look-up of every request. It runs before a tenant is known, so it lifts row-level security for itself; a SET
    // clause for app.system would want a superuser. A busy row is not waited for: its last_seen_at can do without.
    await runner.query(`
      CREATE FUNCTION session_principal(session uuid, seen_every interval)
      RETURNS TABLE (user_id uuid, tenant_id uuid, role text, auth_time timestamptz)
      LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
      AS $$
      #variable_conflict use_column
      DECLARE
        outer_scope text := current_setting('app.system', true);
      BEGIN
        PERFORM set_config('app.system', 'on', true);
        RETURN QUERY
          SELECT s.user_id, s.tenant_id, s.role, s.auth_time
          FROM sessions s JOIN tenants t ON t.id = s.tenant_id
          WHERE s.id = session AND s.expires_at > now() AND t.status = 'active';
        UPDATE sessions SET last_seen_at = now() WHERE id = (
          SELECT id FROM sessions WHERE id = session AND last_seen_at < now() - seen_every FOR UPDATE SKIP LOCKED
        );
        PERFORM set_config('app.system', coalesce(outer_scope, ''), true);
      END
      $$;
      REVOKE EXECUTE ON FUNCTION session_principal(uuid, interval) FROM PUBLIC;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION session_principal(uuid, interval); DROP TABLE sessions');
  }
}
