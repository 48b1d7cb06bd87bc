import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Refunds and disputes that wait for a person are looked for as often as payments are. */
export class SetAside1770001190000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX refunds_set_aside ON refunds (id) WHERE needs_review;
      CREATE INDEX disputes_set_aside ON disputes (id) WHERE needs_review;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX disputes_set_aside; DROP INDEX refunds_set_aside');
  }
}
