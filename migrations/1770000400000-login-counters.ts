import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Digests stand for accounts and addresses, also for accounts that nobody has: neither table belongs to tenants. */
export class LoginCounters1770000400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE login_counters (
        account    text          CONSTRAINT login_counters_pkey PRIMARY KEY,
        failures   timestamptz[] NOT NULL,
        expires_at timestamptz   NOT NULL
      );
      CREATE INDEX login_counters_expired ON login_counters (expires_at);
      CREATE TABLE known_addresses (
        account text        NOT NULL,
        address text        NOT NULL,
        seen_at timestamptz NOT NULL,
        CONSTRAINT known_addresses_pkey PRIMARY KEY (account, address)
      );
      CREATE INDEX known_addresses_expired ON known_addresses (seen_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE known_addresses; DROP TABLE login_counters');
  }
}
