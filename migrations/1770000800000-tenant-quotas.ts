import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a function returns cannot be changed in place. Whoever may call it may call the new one, at the same moment. */
async function replace(runner: QueryRunner, columns: string, selected: string): Promise<void> {
  const callers = (await runner.query(
    `SELECT grantee::regrole::text AS role FROM pg_proc, aclexplode(proacl)
     WHERE pg_proc.oid = 'session_principal(uuid, interval)'::regprocedure AND grantee NOT IN (0, proowner)`,
  )) as { role: string }[];
  await runner.query(`
    DROP FUNCTION session_principal(uuid, interval);
    CREATE FUNCTION session_principal(session uuid, seen_every interval)
    RETURNS TABLE (${columns})
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
      outer_scope text := current_setting('app.system', true);
    BEGIN
      PERFORM set_config('app.system', 'on', true);
      RETURN QUERY
        SELECT ${selected}
        FROM sessions s JOIN tenants t ON t.id = s.tenant_id
        WHERE s.id = session AND s.expires_at > now() AND t.status = 'active';
      UPDATE sessions SET last_seen_at = now() WHERE id = (
        SELECT id FROM sessions WHERE id = session AND last_seen_at < now() - seen_every FOR UPDATE SKIP LOCKED
      );
      PERFORM set_config('app.system', coalesce(outer_scope, ''), true);
    END
    $$;
    REVOKE EXECUTE ON FUNCTION session_principal(uuid, interval) FROM PUBLIC;
    ${callers.map(({ role }) => `GRANT EXECUTE ON FUNCTION session_principal(uuid, interval) TO ${role};`).join('\n')}
  `);
}

const BEFORE = 'user_id uuid, tenant_id uuid, role text, auth_time timestamptz';
const SELECTED_BEFORE = 's.user_id, s.tenant_id, s.role, s.auth_time';

/** The look-up of every request brings the tenant's quota along, so that no request asks for it by itself. */
export class TenantQuotas1770000800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await replace(runner, `${BEFORE}, requests_per_minute integer`, `${SELECTED_BEFORE}, t.requests_per_minute`);
    await runner.query('CREATE INDEX tenants_newest ON tenants (created_at DESC, id DESC)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tenants_newest');
    await replace(runner, BEFORE, SELECTED_BEFORE);
  }
}
