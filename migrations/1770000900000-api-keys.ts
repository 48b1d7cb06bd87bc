import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ApiKeys1770000900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE api_keys (
        id                  uuid        CONSTRAINT api_keys_pkey PRIMARY KEY,
        tenant_id           uuid        NOT NULL,
        user_id             uuid        NOT NULL,
        role                text        NOT NULL CONSTRAINT api_keys_role_known CHECK (role IN ('user', 'admin', 'platform_admin')),
        status              text        NOT NULL DEFAULT 'active'
                                        CONSTRAINT api_keys_status_known CHECK (status IN ('active', 'disabled')),
        name                text        NOT NULL CONSTRAINT api_keys_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
        scopes              text[]      NOT NULL
                                        CONSTRAINT api_keys_scopes_known CHECK (
                                          cardinality(scopes) > 0
                                          AND scopes <@ ARRAY['payments:read', 'payments:write', 'users:read']
                                        ),
        key_hash            bytea       NOT NULL CONSTRAINT api_keys_key_hash_length CHECK (octet_length(key_hash) = 32),
        previous_hash       bytea       CONSTRAINT api_keys_previous_hash_length CHECK (octet_length(previous_hash) = 32),
        previous_expires_at timestamptz,
        expires_at          timestamptz CONSTRAINT api_keys_expire_later CHECK (expires_at > created_at),
        last_used_at        timestamptz,
        created_at          timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT api_keys_scopes_of_role CHECK (role <> 'user' OR NOT 'users:read' = ANY (scopes)),
        CONSTRAINT api_keys_previous_dated CHECK ((previous_hash IS NULL) = (previous_expires_at IS NULL))
      );
      CREATE INDEX api_keys_of_user ON api_keys (user_id, id DESC);
      CREATE INDEX api_keys_expired ON api_keys (expires_at) WHERE expires_at IS NOT NULL;

      ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
      ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
      CREATE POLICY api_keys_scope ON api_keys USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
    // As session_principal: the look-up of every request that comes with a key, before a tenant is known.
    await runner.query(`
      CREATE FUNCTION api_key_principal(key uuid, hash bytea, used_every interval)
      RETURNS TABLE (user_id uuid, tenant_id uuid, role text, scopes text[], requests_per_minute integer)
      LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
      AS $$
      #variable_conflict use_column
      DECLARE
        outer_scope text := current_setting('app.system', true);
      BEGIN
        PERFORM set_config('app.system', 'on', true);
        RETURN QUERY
          SELECT k.user_id, k.tenant_id, k.role, k.scopes, t.requests_per_minute
          FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
          WHERE k.id = key
            AND (k.key_hash = hash OR (k.previous_hash = hash AND k.previous_expires_at > now()))
            AND (k.expires_at IS NULL OR k.expires_at > now())
            AND k.status = 'active' AND t.status = 'active';
        IF FOUND THEN
          UPDATE api_keys SET last_used_at = now() WHERE id = (
            SELECT id FROM api_keys
            WHERE id = key AND (last_used_at IS NULL OR last_used_at < now() - used_every) FOR UPDATE SKIP LOCKED
          );
        END IF;
        PERFORM set_config('app.system', coalesce(outer_scope, ''), true);
      END
      $$;
      REVOKE EXECUTE ON FUNCTION api_key_principal(uuid, bytea, interval) FROM PUBLIC;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION api_key_principal(uuid, bytea, interval); DROP TABLE api_keys');
  }
}
