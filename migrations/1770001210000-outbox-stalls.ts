import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A row that ends whoever delivers it is given up one day, as one that cannot be delivered is. */
export class OutboxStalls1770001210000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox ADD COLUMN stalls integer NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox DROP COLUMN stalls');
  }
}
