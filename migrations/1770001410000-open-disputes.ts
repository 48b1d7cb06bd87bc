import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Disputes that are open are asked for every night, however old: they are few among all that there were. */
export class OpenDisputes1770001410000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX disputes_open ON disputes (id) WHERE NOT closed');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX disputes_open');
  }
}
