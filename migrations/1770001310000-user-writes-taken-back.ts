import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which writes that were begun are certain not to be committed any more, since somebody undoes them. */
export class UserWritesTakenBack1770001310000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE user_writes ADD COLUMN taken_back boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE user_writes DROP COLUMN taken_back');
  }
}
