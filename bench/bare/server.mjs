// What somebody would write by hand who wants the same answers and nothing else: Fastify and pg. It verifies the token,
// asks the database the same questions, on as many connections, and answers with the same fields. It validates, limits,
// measures, logs and audits nothing, knows no tenants' scopes, and asks as a role that row-level security does not bind.
import { createSecretKey } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import Fastify from 'fastify';
import pg from 'pg';
import { createPayment } from './payments.mjs';

const { POSTGRES_URL, KEY = '' } = process.env;
/** As many as the application has. */
const CONNECTIONS = 10;
const EXACT_TOTAL = 10_000;
const FIELDS =
  'id, email, username, full_name, role, status, email_verified, mfa_enabled, tenant_id, created_at, updated_at';
const SORTS = { created_at: 'created_at', email: 'email', full_name: 'full_name' };

const jwt = new JwtService();
const key = /** @type {any} */ (createSecretKey(Buffer.from(KEY, 'base64')));
const pool = new pg.Pool({ connectionString: POSTGRES_URL, max: CONNECTIONS });
const fastify = Fastify({ logger: false });

/** The token, and one look-up by primary key: the session's row decides. */
fastify.addHook('onRequest', async (request, reply) => {
  const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
  try {
    const { sid } = jwt.verify(token, { publicKey: key, algorithms: ['HS256'], issuer: 'omni', audience: 'omni' });
    const { rows } = await pool.query(
      `SELECT s.user_id, s.tenant_id, s.role FROM sessions s JOIN tenants t ON t.id = s.tenant_id
       WHERE s.id = $1 AND s.expires_at > now() AND t.status = 'active'`,
      [sid],
    );
    Object.assign(request, { session: rows[0] });
  } catch {
    await reply.code(401).send({ status: 401 });
  }
});

fastify.get('/api/v1/users/me', async (/** @type {any} */ { session }) => {
  const { rows } = await pool.query(`SELECT ${FIELDS} FROM users WHERE id = $1`, [session.user_id]);
  return rows[0];
});

/** The page and the total, the latter no further than the application counts. */
fastify.get('/api/v1/users', async (/** @type {any} */ { session, query }) => {
  const { page = '1', per_page = '20', q, sort = '-created_at' } = query;
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC';
  const by = SORTS[/** @type {keyof typeof SORTS} */ (sort.replace('-', ''))];
  const where = ['tenant_id = $1'];
  const values = [session.tenant_id];
  if (q) {
    values.push(`${q.toLowerCase()}%`);
    where.push('(email LIKE $2 OR username_key LIKE $2 OR full_name_key LIKE $2)');
  }
  const found = `FROM users WHERE ${where.join(' AND ')}`;
  const [{ rows: data }, { rows: counted }] = await Promise.all([
    pool.query(
      `SELECT ${FIELDS} ${found} ORDER BY ${by} ${direction}, id ${direction}
       LIMIT ${Number(per_page)} OFFSET ${(Number(page) - 1) * Number(per_page)}`,
      values,
    ),
    pool.query(`SELECT count(*)::int AS total FROM (SELECT 1 ${found} LIMIT ${EXACT_TOTAL + 1}) AS counted`, values),
  ]);
  return { data, page: Number(page), per_page: Number(per_page), total: counted[0].total };
});

fastify.post('/api/v1/payments', async (/** @type {any} */ { session, body, headers }, reply) => {
  reply.code(201);
  return createPayment(pool, session, body, headers['idempotency-key']);
});

await fastify.listen({ host: '127.0.0.1', port: 0 });
const { port } = /** @type {import('node:net').AddressInfo} */ (fastify.server.address());
process.send?.({ url: `http://127.0.0.1:${port}` });
// Whoever started us ends us by hanging up.
process.on('disconnect', () => process.exit());
