import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from 'typeorm';
import { requestContext } from '../common/request-context.js';

/** Which rows PostgreSQL shows: one tenant's, all of them (`system`), or none. */
export type Scope = { readonly tenant_id: string } | 'system' | 'none';

/** The transaction that the running code is part of. */
export interface Transaction {
  readonly manager: EntityManager;
  readonly afterCommit: (() => void | Promise<void>)[];
  /** Also where nobody knows whether it was committed. */
  readonly afterRollback: (() => Promise<void>)[];
}

export interface DatabaseContext {
  readonly scope: Scope;
  /** Whether a replica may answer, which may be somewhat behind. Within a transaction it never does. */
  readonly from?: 'replica';
  readonly transaction?: Transaction;
}

const storage = new AsyncLocalStorage<DatabaseContext>();

export const withContext = <T>(context: DatabaseContext, work: () => Promise<T>): Promise<T> =>
  storage.run(context, work);

/** What was entered by name; else the tenant of whoever asks; else none, and no row is visible. */
export function databaseContext(): DatabaseContext {
  const principal = requestContext()?.principal;
  return storage.getStore() ?? { scope: principal ? { tenant_id: principal.tenant_id } : 'none' };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The statement that makes PostgreSQL apply `scope` until the transaction ends.
 * Literals, because a statement with parameters cannot share its message with BEGIN.
 */
export function scopeSql(scope: Scope): string {
  const tenant_id = typeof scope === 'object' ? scope.tenant_id : '';
  if (tenant_id && !UUID.test(tenant_id)) throw new Error('A tenant id must be a UUID');
  return `SELECT set_config('app.tenant_id', '${tenant_id}', true), set_config('app.system', '${scope === 'system' ? 'on' : ''}', true)`;
}
