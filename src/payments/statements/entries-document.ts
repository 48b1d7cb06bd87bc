import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import { csvLine } from '../../common/csv.js';
import type { Keyset } from '../../common/pagination.js';
import { assertOneDirection } from '../../database/keyset.js';
import type { EntryRow } from '../ledger/entries.repository.js';
import type { AccountCode } from '../ledger/postings.js';
import { BooksService, type EntriesAsked } from './books.service.js';

/** The fields of an entry, as a client sees them; what its source is made of takes two. */
const COLUMNS = [
  'id',
  'at',
  'transaction_id',
  'account',
  'direction',
  'amount',
  'currency',
  'source_type',
  'source_id',
  'event',
] as const satisfies readonly (keyof EntryRow)[];

const PAGE = 500;

/**
 * The entries of an account as a table. It is read page by page while it is sent, each page by a question of its own, and
 * the next one only when the reader has taken the last: one snapshot over all of them would hold a connection, and keep
 * the database from cleaning up, for as long as the slowest reader likes. Nothing is lost by it. Entries are never changed,
 * and the way leads from the newest back: what is posted meanwhile comes in front of where it began.
 */
@Injectable()
export class EntriesDocument {
  constructor(private readonly books: BooksService) {}

  /**
   * All that was asked for; where it says how many, no more than that.
   * @returns lines of CSV, as they come. The first page was read: what is wrong with the question is thrown here.
   * @throws {ValidationError} as `BooksService.entries()`.
   */
  async open(actor: Principal, account: AccountCode, asked: EntriesAsked): Promise<AsyncIterable<string>> {
    assertOneDirection(asked);
    const { limit, ending_before, ...filter } = asked;
    // All of it is told newest first, as every page is: back to the place beyond which nothing is wanted.
    const place = limit === undefined ? { limit: PAGE } : { limit, ending_before };
    const read = (starting_after = filter.starting_after): Promise<Keyset<EntryRow>> =>
      this.books.entries(actor, account, { ...filter, ...place, starting_after });
    return this.lines(await read(), asked, read);
  }

  private async *lines(
    first: Keyset<EntryRow>,
    { limit, ending_before }: EntriesAsked,
    read: (starting_after: string) => Promise<Keyset<EntryRow>>,
  ): AsyncGenerator<string> {
    yield csvLine(COLUMNS);
    const end = limit === undefined ? (ending_before?.toLowerCase() ?? '') : '';
    for (let page = first; ; page = await read(page.data.at(-1)!.id)) {
      const rows = page.data.filter(({ id }) => id > end);
      if (rows.length > 0) yield rows.map((row) => csvLine(COLUMNS.map((name) => row[name]))).join('');
      if (!page.has_more || limit !== undefined || rows.length < page.data.length) return;
    }
  }
}
