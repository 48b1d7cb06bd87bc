import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A session knows its refresh token and the one before it, by their hashes. Whatever is older is told by its own mark, so
 * that a session costs one row however often it is refreshed. Sessions from before have none, and last as they were.
 */
export class RefreshTokens1770000500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sessions
        ADD COLUMN refresh_hash   bytea CONSTRAINT sessions_refresh_hash_is_sha256 CHECK (octet_length(refresh_hash) = 32),
        ADD COLUMN parent_hash    bytea CONSTRAINT sessions_parent_hash_is_sha256 CHECK (octet_length(parent_hash) = 32),
        ADD COLUMN refreshed_at   timestamptz,
        ADD COLUMN refresh_key_id text,
        ADD CONSTRAINT sessions_refreshed_whole CHECK (
          (parent_hash IS NULL) = (refreshed_at IS NULL) AND (parent_hash IS NULL) = (refresh_key_id IS NULL)
        ),
        ADD CONSTRAINT sessions_parent_had_successor CHECK (parent_hash IS NULL OR refresh_hash <> parent_hash);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sessions
        DROP CONSTRAINT sessions_refreshed_whole,
        DROP CONSTRAINT sessions_parent_had_successor,
        DROP COLUMN refresh_hash,
        DROP COLUMN parent_hash,
        DROP COLUMN refreshed_at,
        DROP COLUMN refresh_key_id;
    `);
  }
}
