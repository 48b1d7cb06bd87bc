import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is done later goes on with the trace of what has asked for it. */
export class Traces1770001200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE outbox ADD COLUMN traceparent text;
      ALTER TABLE webhook_deliveries ADD COLUMN traceparent text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE webhook_deliveries DROP COLUMN traceparent; ALTER TABLE outbox DROP COLUMN traceparent',
    );
  }
}
