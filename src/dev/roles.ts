import { createHmac } from 'node:crypto';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';

export interface DatabaseNames {
  readonly database: string;
  /** Owns the database and all in it. */
  readonly owner: string;
  /** What the application connects as; may be the owner. */
  readonly app: string;
}

/** Those of the embedded server. */
export const NAMES: DatabaseNames = { database: 'omni', owner: 'omni_owner', app: 'omni_app' };

export interface DatabaseUrls {
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/**
 * Makes the database and its two roles, neither of them superuser or BYPASSRLS. Can run again, and twice at once.
 * The roles' passwords follow from the superuser's, so that there is nothing to keep.
 * @param superUrl - of a role that may make roles and databases.
 */
export async function prepareDatabase(superUrl: string, names: DatabaseNames): Promise<DatabaseUrls> {
  const client = new Client({ connectionString: superUrl });
  await client.connect();
  try {
    // A statement that fails would be logged, password and all. And one at a time: PostgreSQL lets two of these collide.
    await client.query('SET log_min_error_statement = panic');
    await client.query(`SELECT pg_advisory_lock(hashtext('omni:prepare-database'))`);
    for (const role of new Set([names.owner, names.app])) await prepareRole(client, role, passwordOf(superUrl, role));
    await prepareOwnDatabase(client, names);
  } finally {
    await client.end();
  }
  return {
    ownerUrl: urlFor(superUrl, names.owner, names.database),
    appUrl: urlFor(superUrl, names.app, names.database),
  };
}

async function prepareRole(client: Client, role: string, password: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  const verb = rowCount ? 'ALTER' : 'CREATE';
  await client.query(`${verb} ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(password)}`);
}

async function prepareOwnDatabase(client: Client, { database, owner, app }: DatabaseNames): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  const name = escapeIdentifier(database);
  if (!rowCount) await client.query(`CREATE DATABASE ${name} OWNER ${escapeIdentifier(owner)}`);
  await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${escapeIdentifier(app)}`);
}

const passwordOf = (superUrl: string, role: string): string =>
  createHmac('sha256', decodeURIComponent(new URL(superUrl).password))
    .update(role)
    .digest('base64url');

function urlFor(superUrl: string, role: string, database: string): string {
  const url = new URL(superUrl);
  url.username = encodeURIComponent(role);
  url.password = passwordOf(superUrl, role);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}
