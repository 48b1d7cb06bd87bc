import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which writes to users in MongoDB were begun and not committed yet, and in which store the users live. */
export class UserWrites1770001300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE user_writes (
        id         uuid        CONSTRAINT user_writes_pkey PRIMARY KEY,
        tenant_id  uuid        NOT NULL,
        user_id    uuid        NOT NULL,
        version    integer     NOT NULL,
        locks      bigint[]    NOT NULL,
        before     bytea,
        key_id     text,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT user_writes_before_sealed CHECK ((before IS NULL) = (key_id IS NULL))
      );
      CREATE INDEX user_writes_of_user ON user_writes (user_id);
      CREATE INDEX user_writes_locks ON user_writes USING gin (locks) WITH (fastupdate = off);

      ALTER TABLE user_writes ENABLE ROW LEVEL SECURITY;
      ALTER TABLE user_writes FORCE ROW LEVEL SECURITY;
      CREATE POLICY user_writes_scope ON user_writes USING (
        tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        OR current_setting('app.system', true) = 'on'
      );

      CREATE TABLE users_home (
        one       boolean CONSTRAINT users_home_pkey PRIMARY KEY DEFAULT true CONSTRAINT users_home_one CHECK (one),
        store     text    NOT NULL CONSTRAINT users_home_store_known CHECK (store IN ('postgresql', 'mongodb')),
        moving_to text    CONSTRAINT users_home_moving_known CHECK (moving_to IN ('postgresql', 'mongodb'))
      );
      INSERT INTO users_home (store) VALUES ('postgresql');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE users_home; DROP TABLE user_writes');
  }
}
