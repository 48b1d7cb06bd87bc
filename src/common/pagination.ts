import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Id, QueryInteger } from './fields.js';
import { ValidationError } from './service-error.js';
import type { Span } from './uuid.js';

/** Beyond so many rows a total is the planner's estimate: counting them all would cost more than it tells. */
export const EXACT_TOTAL = 10_000;

/** Which page of a list. */
export class PageQuery {
  @QueryInteger({ min: 1, max: 1_000_000_000, standard: 1, description: 'Which page, from 1' })
  page: number = 1;

  @QueryInteger({ min: 1, max: 100, standard: 20, description: 'How many items a page has' })
  per_page: number = 20;
}

export interface Total {
  readonly total: number;
  /** False when `total` is an estimate. */
  readonly total_exact: boolean;
}

export interface Page<T> extends Total {
  readonly data: T[];
  readonly page: number;
  readonly per_page: number;
}

/** What a list has of what is not there. */
export const emptyPage = ({ page, per_page }: PageQuery): Page<never> => ({
  data: [],
  page,
  per_page,
  total: 0,
  total_exact: true,
});

/** The page of a DTO, documented. */
export function PageOf<T>(Item: Type<T>): Type<Page<T>> {
  class PageOfItems implements Page<T> {
    @ApiProperty({ type: [Item] })
    readonly data!: T[];

    @ApiProperty({ type: 'integer', example: 1 })
    readonly page!: number;

    @ApiProperty({ type: 'integer', example: 20 })
    readonly per_page!: number;

    @ApiProperty({ type: 'integer', example: 1, description: `Exact up to ${EXACT_TOTAL}` })
    readonly total!: number;

    @ApiProperty({ example: true, description: 'Whether `total` is exact; else it is an estimate' })
    readonly total_exact!: boolean;
  }
  return PageOfItems;
}

const EXAMPLE_ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';

/** Which part of a list that grows at its beginning: a page stays what it was while new things come. */
export class KeysetQuery {
  @QueryInteger({ min: 1, max: 100, standard: 20, description: 'How many items at most' })
  limit: number = 20;

  @Id({ optional: true, description: 'Only what is older than the item with this id', example: EXAMPLE_ID })
  starting_after?: string;

  @Id({ optional: true, description: 'Only what is newer; not together with `starting_after`', example: EXAMPLE_ID })
  ending_before?: string;
}

/** A part of a list, newest first. */
export interface Keyset<T> {
  readonly data: T[];
  /** Whether there is more in the direction that was asked for. */
  readonly has_more: boolean;
}

/** The part of a list of a DTO, documented. */
export function KeysetOf<T>(Item: Type<T>): Type<Keyset<T>> {
  class KeysetOfItems implements Keyset<T> {
    @ApiProperty({ type: [Item] })
    readonly data!: T[];

    @ApiProperty({ example: false, description: 'Whether there is more in the direction that was asked for' })
    readonly has_more!: boolean;
  }
  return KeysetOfItems;
}

/** @throws {ValidationError} the span of time ends before it begins. */
export function assertSpan({ since, until }: Span): void {
  if (!since || !until || until >= since) return;
  throw new ValidationError([{ pointer: '?until', code: 'order', message: 'must not be before since' }]);
}
