import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Invitations1770000850000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE invitations (
        id          uuid        CONSTRAINT invitations_pkey PRIMARY KEY,
        tenant_id   uuid        NOT NULL,
        email       text        NOT NULL CONSTRAINT invitations_email_lower CHECK (email = lower(email))
                                CONSTRAINT invitations_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
        role        text        NOT NULL CONSTRAINT invitations_role_known CHECK (role IN ('user', 'admin', 'platform_admin')),
        status      text        NOT NULL DEFAULT 'pending'
                                CONSTRAINT invitations_status_known CHECK (status IN ('pending', 'accepted', 'revoked')),
        token_hash  bytea       NOT NULL CONSTRAINT invitations_token_key UNIQUE,
        invited_by  uuid,
        accepted_by uuid        CONSTRAINT invitations_accepted_by_somebody CHECK ((status = 'accepted') = (accepted_by IS NOT NULL)),
        created_at  timestamptz NOT NULL DEFAULT now(),
        expires_at  timestamptz NOT NULL CONSTRAINT invitations_expire_later CHECK (expires_at > created_at)
      );
      CREATE UNIQUE INDEX invitations_pending_key ON invitations (tenant_id, email) WHERE status = 'pending';
      CREATE INDEX invitations_newest ON invitations (tenant_id, created_at DESC, id DESC);
      CREATE INDEX invitations_to_email ON invitations (email);
      CREATE INDEX invitations_of_inviter ON invitations (invited_by);
      CREATE INDEX invitations_of_user ON invitations (accepted_by) WHERE accepted_by IS NOT NULL;
      CREATE INDEX invitations_expired ON invitations (expires_at);

      ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
      ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
      CREATE POLICY invitations_scope ON invitations USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE invitations');
  }
}
