import { startApp, type TestApp } from '../support/app.js';
import { oneRole, within } from '../support/connections.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const describeWithTwoRoles = oneRole() ? describe.skip : describe;

describeWithTwoRoles("the app's role", () => {
  it.each([
    'ALTER TABLE users DISABLE ROW LEVEL SECURITY',
    'ALTER TABLE users NO FORCE ROW LEVEL SECURITY',
    'DROP POLICY users_scope ON users',
    'ALTER TABLE audit_events DISABLE TRIGGER ALL',
    'DROP TABLE sessions',
    'TRUNCATE users',
    'CREATE TABLE mine (id int)',
    'CREATE TEMP TABLE sessions (id uuid)',
    'DELETE FROM migrations',
    `INSERT INTO migrations (timestamp, name) VALUES (1, 'x')`,
    'CREATE OR REPLACE FUNCTION session_principal(session uuid, seen_every interval) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'SET ROLE omni_test_owner',
    'SET row_security = off; SELECT * FROM users',
  ])('may not: %s', async (sql) => {
    await expect(within(app.settings.POSTGRES_URL, 'system', (client) => client.query(sql))).rejects.toMatchObject({
      code: '42501',
    });
  });
});
