import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What tells this installation from others, so that its PostgreSQL and its MongoDB know each other; and whether the MongoDB
 * that it uses has been told. One from before that is told at the next start. Older code asks for neither, and changes none.
 */
export class Installation1770001320000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users_home
        ADD COLUMN installation_id uuid    NOT NULL DEFAULT gen_random_uuid(),
        ADD COLUMN paired          boolean NOT NULL DEFAULT false
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users_home DROP COLUMN paired, DROP COLUMN installation_id');
  }
}
