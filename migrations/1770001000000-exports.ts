import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Exports1770001000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE exports (
        id          uuid        CONSTRAINT exports_pkey PRIMARY KEY,
        tenant_id   uuid        NOT NULL,
        user_id     uuid        NOT NULL,
        status      text        NOT NULL DEFAULT 'pending'
                                CONSTRAINT exports_status_known CHECK (status IN ('pending', 'ready')),
        token_hash  bytea       CONSTRAINT exports_token_hash_key UNIQUE
                                CONSTRAINT exports_token_hash_sha256 CHECK (octet_length(token_hash) = 32),
        pieces      integer     NOT NULL DEFAULT 0,
        bytes       integer     NOT NULL DEFAULT 0,
        downloads   integer     NOT NULL DEFAULT 0,
        created_at  timestamptz NOT NULL DEFAULT now(),
        gathered_at timestamptz,
        expires_at  timestamptz NOT NULL CONSTRAINT exports_expire_later CHECK (expires_at > created_at),
        CONSTRAINT exports_ready_complete CHECK (
          (status = 'ready') = (token_hash IS NOT NULL) AND (status = 'ready') = (gathered_at IS NOT NULL)
        )
      );
      CREATE UNIQUE INDEX exports_one_pending ON exports (user_id) WHERE status = 'pending';
      CREATE INDEX exports_of_user ON exports (user_id, id);
      CREATE INDEX exports_expired ON exports (expires_at);

      -- Checked at the end of a transaction: until then nobody who deletes an export has to wait for its pieces.
      CREATE TABLE export_pieces (
        id        uuid    CONSTRAINT export_pieces_pkey PRIMARY KEY,
        tenant_id uuid    NOT NULL,
        export_id uuid    NOT NULL CONSTRAINT export_pieces_export_fkey REFERENCES exports (id) ON DELETE CASCADE
                          DEFERRABLE INITIALLY DEFERRED,
        position  integer NOT NULL,
        piece     bytea   NOT NULL,
        key_id    text    NOT NULL,
        CONSTRAINT export_pieces_in_order UNIQUE (export_id, position)
      );

      ALTER TABLE exports ENABLE ROW LEVEL SECURITY;
      ALTER TABLE exports FORCE ROW LEVEL SECURITY;
      CREATE POLICY exports_scope ON exports USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
      ALTER TABLE export_pieces ENABLE ROW LEVEL SECURITY;
      ALTER TABLE export_pieces FORCE ROW LEVEL SECURITY;
      CREATE POLICY export_pieces_scope ON export_pieces USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE export_pieces; DROP TABLE exports');
  }
}
