import type { MigrationInterface, QueryRunner } from 'typeorm';

const scoped = (table: string): string => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
  CREATE POLICY ${table}_scope ON ${table} USING (
    tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
    OR current_setting('app.system', true) = 'on'
  );
`;

export class SecondFactor1770000600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE totp_factors (
        id         uuid        CONSTRAINT totp_factors_pkey PRIMARY KEY,
        tenant_id  uuid        NOT NULL,
        user_id    uuid        NOT NULL CONSTRAINT totp_factors_user_key UNIQUE,
        secret     bytea       NOT NULL,
        key_id     text        NOT NULL,
        last_step  integer     CONSTRAINT totp_factors_confirmed_by_code CHECK (last_step IS NOT NULL OR expires_at IS NOT NULL),
        expires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX totp_factors_sealed ON totp_factors (key_id);
      CREATE INDEX totp_factors_expired ON totp_factors (expires_at) WHERE expires_at IS NOT NULL;

      CREATE TABLE recovery_codes (
        id         uuid        CONSTRAINT recovery_codes_pkey PRIMARY KEY,
        tenant_id  uuid        NOT NULL,
        user_id    uuid        NOT NULL,
        code_hash  text        NOT NULL,
        used_at    timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT recovery_codes_user_code_key UNIQUE (user_id, code_hash)
      );

      CREATE TABLE mfa_challenges (
        id         uuid        CONSTRAINT mfa_challenges_pkey PRIMARY KEY,
        tenant_id  uuid        NOT NULL,
        user_id    uuid        NOT NULL,
        token_hash text        NOT NULL CONSTRAINT mfa_challenges_token_key UNIQUE,
        version    integer     NOT NULL,
        tries      integer     NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX mfa_challenges_of_user ON mfa_challenges (user_id);
      CREATE INDEX mfa_challenges_expired ON mfa_challenges (expires_at);
      ${['totp_factors', 'recovery_codes', 'mfa_challenges'].map(scoped).join('')}
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE mfa_challenges; DROP TABLE recovery_codes; DROP TABLE totp_factors');
  }
}
