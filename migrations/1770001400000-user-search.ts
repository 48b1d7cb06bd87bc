import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `NULLIF(current_setting('app.tenant_id', true), '')::uuid`;
const SYSTEM = `current_setting('app.system', true) = 'on'`;

/**
 * A tenant's users found by the beginning of a name, and in the order of address or name, without reading all of them.
 * Under row-level security an index answers only what cannot tell of rows that are out of scope: lower() is not among what
 * PostgreSQL trusts with that, so the name in lower case is a column. A generated one would want a table of TypeORM's own.
 * The scope is the same, and is asked for once in a statement instead of at every row: that was most of what a count costs.
 * It is asked for by IS NOT NULL, which the planner takes for true of nearly every row: so it stays out of its estimates,
 * which long lists tell as their total.
 */
export class UserSearch1770001400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users ADD COLUMN full_name_key text;
      CREATE FUNCTION users_name_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
      BEGIN
        NEW.full_name_key := lower(NEW.full_name);
        RETURN NEW;
      END
      $$;
      CREATE TRIGGER users_name_key BEFORE INSERT OR UPDATE OF full_name, full_name_key ON users
        FOR EACH ROW EXECUTE FUNCTION users_name_key();
    `);
    await runner.query(`SELECT set_config('app.system', 'on', true)`);
    await runner.query(`
      UPDATE users SET full_name_key = lower(full_name);
      ALTER TABLE users ALTER COLUMN full_name_key SET NOT NULL;
      DROP INDEX users_by_full_name;
      CREATE INDEX users_by_full_name ON users (tenant_id, full_name_key text_pattern_ops);
      CREATE INDEX users_in_order_of_email ON users (tenant_id, email, id);
      CREATE INDEX users_in_order_of_full_name ON users (tenant_id, full_name, id);
      ALTER POLICY users_scope ON users USING (tenant_id = (SELECT ${TENANT}) OR (SELECT NULLIF(${SYSTEM}, false)) IS NOT NULL);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER POLICY users_scope ON users USING (tenant_id = ${TENANT} OR ${SYSTEM});
      DROP INDEX users_in_order_of_full_name;
      DROP INDEX users_in_order_of_email;
      DROP INDEX users_by_full_name;
      CREATE INDEX users_by_full_name ON users (tenant_id, lower(full_name) text_pattern_ops);
      DROP TRIGGER users_name_key ON users;
      DROP FUNCTION users_name_key();
      ALTER TABLE users DROP COLUMN full_name_key;
    `);
  }
}
