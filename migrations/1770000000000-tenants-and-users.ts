import type { MigrationInterface, QueryRunner } from 'typeorm';

export class TenantsAndUsers1770000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tenants (
        id                  uuid        CONSTRAINT tenants_pkey PRIMARY KEY,
        name                text        NOT NULL CONSTRAINT tenants_name_key UNIQUE
                                        CONSTRAINT tenants_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
        status              text        NOT NULL DEFAULT 'active'
                                        CONSTRAINT tenants_status_known CHECK (status IN ('active', 'disabled')),
        requests_per_minute integer     CONSTRAINT tenants_requests_positive CHECK (requests_per_minute > 0),
        version             integer     NOT NULL DEFAULT 1,
        created_at          timestamptz NOT NULL DEFAULT now(),
        updated_at          timestamptz NOT NULL DEFAULT now()
      );
      CREATE TABLE users (
        id             uuid        CONSTRAINT users_pkey PRIMARY KEY,
        tenant_id      uuid        NOT NULL,
        email          text        NOT NULL CONSTRAINT users_email_key UNIQUE
                                   CONSTRAINT users_email_lower CHECK (email = lower(email))
                                   CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
        username       text        CONSTRAINT users_username_form CHECK (username ~ '^[A-Za-z0-9_-]{3,30}$'),
        username_key   text        CONSTRAINT users_username_key UNIQUE
                                   CONSTRAINT users_username_key_lower CHECK (username_key IS NOT DISTINCT FROM lower(username)),
        full_name      text        NOT NULL CONSTRAINT users_full_name_length CHECK (char_length(full_name) BETWEEN 1 AND 200),
        password_hash  text        NOT NULL,
        role           text        NOT NULL DEFAULT 'user'
                                   CONSTRAINT users_role_known CHECK (role IN ('user', 'admin', 'platform_admin')),
        status         text        NOT NULL DEFAULT 'active'
                                   CONSTRAINT users_status_known CHECK (status IN ('active', 'disabled')),
        email_verified boolean     NOT NULL DEFAULT false,
        mfa_enabled    boolean     NOT NULL DEFAULT false,
        version        integer     NOT NULL DEFAULT 1,
        created_at     timestamptz NOT NULL DEFAULT now(),
        updated_at     timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX users_newest ON users (tenant_id, created_at DESC, id DESC);
      CREATE INDEX users_by_email ON users (tenant_id, email text_pattern_ops, id);
      CREATE INDEX users_by_username ON users (tenant_id, username_key text_pattern_ops);
      CREATE INDEX users_by_full_name ON users (tenant_id, lower(full_name) text_pattern_ops);
      CREATE INDEX users_admins ON users (tenant_id, role) WHERE role <> 'user';

      ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
      ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenants_scope ON tenants USING (
        id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
      ALTER TABLE users ENABLE ROW LEVEL SECURITY;
      ALTER TABLE users FORCE ROW LEVEL SECURITY;
      CREATE POLICY users_scope ON users USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
    await runner.query(`SELECT set_config('app.system', 'on', true)`);
    await runner.query(`INSERT INTO tenants (id, name) VALUES ('01900000-0000-7000-8000-000000000000', 'default')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE users; DROP TABLE tenants');
  }
}
