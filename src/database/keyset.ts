import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { Keyset, KeysetQuery } from '../common/pagination.js';
import type { ExportPage } from '../common/personal-data.js';
import { ValidationError } from '../common/service-error.js';

/** A place in a list, and how much is asked for from there. */
export type KeysetPlace = Pick<KeysetQuery, 'limit' | 'starting_after' | 'ending_before'>;

/** @throws {ValidationError} both directions at once. */
export function assertOneDirection({ starting_after, ending_before }: Omit<KeysetPlace, 'limit'>): void {
  if (!starting_after || !ending_before) return;
  const message = 'must not be given together with starting_after';
  throw new ValidationError([{ pointer: '?ending_before', code: 'exclusive', message }]);
}

/** @param rows - one more than the limit where there are so many, in the direction in which they were asked for. */
export function pageFrom<Row>(rows: readonly Row[], { limit, ending_before }: KeysetPlace): Keyset<Row> {
  const data = rows.slice(0, limit);
  return { data: ending_before ? data.toReversed() : data, has_more: rows.length > limit };
}

/**
 * The part of what `found` finds that a client asks for, newest first. Ids are made in the order of time (UUIDv7), so that
 * an id is a place in the list, whether or not its row is still there.
 * @throws {ValidationError} both directions at once.
 */
export async function keysetOf<Row extends ObjectLiteral & { readonly id: string }>(
  found: SelectQueryBuilder<Row>,
  place: KeysetPlace,
): Promise<Keyset<Row>> {
  const { limit, starting_after, ending_before } = place;
  assertOneDirection(place);
  if (starting_after) found.andWhere(`${found.alias}.id < :starting_after`, { starting_after });
  if (ending_before) found.andWhere(`${found.alias}.id > :ending_before`, { ending_before });
  const rows = await found
    .orderBy(`${found.alias}.id`, ending_before ? 'ASC' : 'DESC')
    .limit(limit + 1)
    .getMany();
  return pageFrom(rows, place);
}

/** The page of what `found` finds that an export asks for, in the order of ids. */
export function exportPageOf<Row extends ObjectLiteral & { readonly id: string }>(
  found: SelectQueryBuilder<Row>,
  { after, limit }: ExportPage,
): Promise<Row[]> {
  if (after) found.andWhere(`${found.alias}.id > :after`, { after });
  return found.orderBy(`${found.alias}.id`, 'ASC').limit(limit).getMany();
}
