import type { MigrationInterface, QueryRunner } from 'typeorm';

export class OneTimeTokens1770000700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE one_time_tokens (
        id         uuid        CONSTRAINT one_time_tokens_pkey PRIMARY KEY,
        tenant_id  uuid        NOT NULL,
        user_id    uuid        NOT NULL,
        kind       text        NOT NULL CONSTRAINT one_time_tokens_kind_known
                               CHECK (kind IN ('email_verification', 'email_change', 'password_reset')),
        token_hash bytea       NOT NULL CONSTRAINT one_time_tokens_token_hash_key UNIQUE
                               CONSTRAINT one_time_tokens_token_hash_length CHECK (octet_length(token_hash) = 32),
        email      text        NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL CONSTRAINT one_time_tokens_expire_later CHECK (expires_at > created_at),
        CONSTRAINT one_time_tokens_newest_only UNIQUE (user_id, kind)
      );
      CREATE INDEX one_time_tokens_expired ON one_time_tokens (expires_at);

      ALTER TABLE one_time_tokens ENABLE ROW LEVEL SECURITY;
      ALTER TABLE one_time_tokens FORCE ROW LEVEL SECURITY;
      CREATE POLICY one_time_tokens_scope ON one_time_tokens USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE one_time_tokens');
  }
}
