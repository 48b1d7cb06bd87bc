import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SealedExports1770001145000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX export_pieces_sealed ON export_pieces (key_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX export_pieces_sealed');
  }
}
