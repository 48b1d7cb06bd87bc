import type { EntityManager, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { EXACT_TOTAL, type PageQuery, type Total } from '../common/pagination.js';

/** One page of what `found` finds, in its order, and how many there are in all. */
export async function pageOf<Row extends ObjectLiteral>(
  manager: EntityManager,
  found: SelectQueryBuilder<Row>,
  { page, per_page }: Pick<PageQuery, 'page' | 'per_page'>,
): Promise<Total & { data: Row[] }> {
  const all = found.clone();
  const skipped = (page - 1) * per_page;
  const data = await (skipped > DEEP
    ? deepPage(found, skipped, per_page)
    : found.offset(skipped).limit(per_page).getMany());
  return { data, ...(await totalOf(manager, all)) };
}

/** What is skipped is read too: from so many rows on by an index alone, where one holds the order, not row by row. */
const DEEP = 1_000;

async function deepPage<Row extends ObjectLiteral>(
  found: SelectQueryBuilder<Row>,
  skipped: number,
  per_page: number,
): Promise<Row[]> {
  const ids = await found
    .clone()
    .select(`${found.alias}.id`, 'id')
    .offset(skipped)
    .limit(per_page)
    .getRawMany<{ id: string }>();
  return ids.length === 0 ? [] : found.andWhereInIds(ids.map(({ id }) => id)).getMany();
}

/** Counts no further than the total is exact; past that the planner knows well enough. */
async function totalOf<Row extends ObjectLiteral>(
  manager: EntityManager,
  all: SelectQueryBuilder<Row>,
): Promise<Total> {
  const [sql, parameters] = all.select('1').orderBy().getQueryAndParameters();
  const [{ counted }] = await manager.query<[{ counted: number }]>(
    `SELECT count(*)::int AS counted FROM (${sql} LIMIT ${EXACT_TOTAL + 1}) AS counted`,
    parameters,
  );
  if (counted <= EXACT_TOTAL) return { total: counted, total_exact: true };
  const [{ 'QUERY PLAN': plan }] = await manager.query<[{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }]>(
    `EXPLAIN (FORMAT JSON) ${sql}`,
    parameters,
  );
  return { total: Math.max(counted, plan[0].Plan['Plan Rows']), total_exact: false };
}
