// The people of a run: tenants with so many users each, made by SQL, and a few of them logged in at both servers.
import { createSecretKey, randomBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { Algorithm, hash } from '@node-rs/argon2';
import { startBare, startServer, productionOn } from './server.mjs';
import { atEnd } from './engines.mjs';

export const PASSWORD = 'a good long passphrase';
/** So many take turns in what is measured. */
export const READERS = 20;
const COST = { algorithm: Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * @typedef {object} Person
 * @property {string} id
 * @property {string} email
 * @property {string} username
 * @property {string} full_name
 * @property {string} token - at the application.
 * @property {string} bareToken - the same at the server by hand.
 */

/**
 * @typedef {object} Stage
 * @property {import('./engines.mjs').Engines} engines
 * @property {Record<string, string>} variables - of the application in production.
 * @property {import('./server.mjs').Server} app - one process that answers requests; what is to be done behind them waits.
 * @property {string} bareUrl - the server by hand.
 * @property {() => Promise<{ rate: number }>} startBareServer - how many milliseconds another one takes to be there.
 * @property {(tenant: string, size: number, logins?: number) => Promise<Person[]>} people - makes a tenant with so many
 *   users; the first of them is an admin. Those who log in are told.
 */

/** @param {import('./engines.mjs').Engines} engines @returns {Promise<Stage>} */
export async function startStage(engines) {
  const key = randomBytes(32);
  const variables = productionOn(engines);
  const app = await startServer({ ...variables, PROCESS_ROLE: 'api' });
  atEnd(app.stop);
  const start = () => startBare('server', { POSTGRES_URL: engines.superUrl, KEY: key.toString('base64') });
  const bare = await start();
  atEnd(bare.stop);
  const jwt = new JwtService({ privateKey: /** @type {any} */ (createSecretKey(key)) });
  const password_hash = await hash(PASSWORD, COST);
  return {
    engines,
    variables,
    app,
    bareUrl: bare.hello.url,
    async startBareServer() {
      const begun = performance.now();
      const another = await start();
      const rate = performance.now() - begun;
      await another.stop();
      return { rate };
    },
    async people(tenant, size, logins = 1) {
      const found = await seed(engines.pool, { tenant, size, logins, password_hash });
      const people = [];
      for (const person of found) {
        const token = await logIn(app.url, person.email);
        const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
        people.push({ ...person, token, bareToken: jwt.sign(claims, { algorithm: 'HS256' }) });
      }
      return people;
    },
  };
}

/** @param {string} url @param {string} email @returns {Promise<string>} an access token. */
export async function logIn(url, email, password = PASSWORD) {
  const answer = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  if (answer.status !== 200) throw new Error(`login was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()).access_token;
}

/** From so many rows on it is quicker to make the indexes anew. */
const MANY = 50_000;

/**
 * Nobody's name is in any order: addresses, usernames and names are digests of their number.
 * @param {import('pg').Pool} pool
 * @param {{ tenant: string, size: number, logins: number, password_hash: string }} wanted
 */
async function seed(pool, { tenant, size, logins, password_hash }) {
  const id = `gen_random_uuid()`;
  const { rows: made } = await pool.query(`INSERT INTO tenants (id, name) VALUES (${id}, $1) RETURNING id`, [tenant]);
  const tenant_id = made[0].id;
  const restore = size >= MANY ? await dropIndexes(pool) : async () => undefined;
  await pool.query(
    `INSERT INTO users (id, tenant_id, email, username, username_key, full_name, password_hash, role, email_verified,
       created_at, updated_at)
     SELECT ${id}, $1, e || '@' || $2::text || '.example', u, u, initcap(substr(f, 1, 7)) || ' ' || initcap(substr(f, 8, 9)),
       $3, CASE n WHEN 1 THEN 'admin' ELSE 'user' END, true, at, at
     FROM generate_series(1, $4::int) AS n, LATERAL (SELECT
       substr(md5($2 || ' e ' || n), 1, 14) AS e, substr(md5($2 || ' u ' || n), 1, 16) AS u, md5($2 || ' f ' || n) AS f,
       now() - (1000000 - n) * interval '1 second' AS at) AS digests`,
    [tenant_id, tenant, password_hash, size],
  );
  await restore();
  await pool.query('VACUUM ANALYZE users');
  const { rows } = await pool.query(
    'SELECT id, email, username, full_name FROM users WHERE tenant_id = $1 ORDER BY created_at LIMIT $2',
    [tenant_id, logins],
  );
  return rows;
}

/** @param {import('pg').Pool} pool @returns {Promise<() => Promise<void>>} what makes them again, as they were. */
async function dropIndexes(pool) {
  const { rows } = await pool.query(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
     WHERE i.indrelid = 'users'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)`,
  );
  for (const { name } of rows) await pool.query(`DROP INDEX ${name}`);
  return async () => {
    for (const { definition } of rows) await pool.query(definition);
  };
}
