import { Readable } from 'node:stream';
import { Controller, Get, Headers, Injectable, Param, Query, StreamableFile, UseInterceptors } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiParam, ApiTags, getSchemaPath } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { prefers } from '../../common/media-type.js';
import { LedgerAccountNotFoundError } from '../ledger/ledger.errors.js';
import { isAccountCode, type AccountCode } from '../ledger/postings.js';
import { BooksService } from './books.service.js';
import { EntriesDocument } from './entries-document.js';
import { ExactSums } from './exact-sums.js';
import { Accounts, BooksQuery, EntriesQuery, EntryList, EntryResponse, TrialBalance } from './statements.dto.js';

/** The accounts are known: any other word is answered as what is not there. */
@Injectable()
class AccountCodePipe implements PipeTransform<string, AccountCode> {
  transform(code: string): AccountCode {
    if (!isAccountCode(code)) throw new LedgerAccountNotFoundError(code);
    return code;
  }
}

const CSV = 'text/csv';
const CSV_EXAMPLE =
  'id,at,transaction_id,account,direction,amount,currency,source_type,source_id,event\r\n' +
  '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c,2026-01-31T12:00:00.000Z,019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9d,' +
  'sales,credit,4200,EUR,payment,019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9e,captured\r\n';

@ApiTags('ledger')
@Controller('ledger')
@Roles('admin')
export class BooksController {
  constructor(
    private readonly books: BooksService,
    private readonly document: EntriesDocument,
  ) {}

  @Get('trial-balance')
  @UseInterceptors(ExactSums)
  @ApiOperation({ summary: 'Get the trial balance', description: 'For admins: of the own tenant, by currency.' })
  @ApiOkResponse({ type: TrialBalance, description: 'The sums of both sides' })
  async trialBalance(@CurrentUser() actor: Principal, @Query() { tenant_id }: BooksQuery): Promise<TrialBalance> {
    return { data: await this.books.trialBalance(actor, tenant_id) };
  }

  @Get('accounts')
  @UseInterceptors(ExactSums)
  @ApiOperation({ summary: 'List the accounts of the books', description: 'For admins: of the own tenant.' })
  @ApiOkResponse({ type: Accounts, description: 'Every account and what stands on it' })
  async accounts(@CurrentUser() actor: Principal, @Query() { tenant_id }: BooksQuery): Promise<Accounts> {
    return { data: await this.books.accounts(actor, tenant_id) };
  }

  @Get('accounts/:code/entries')
  @ApiExtraModels(EntryList)
  @ApiOperation({
    summary: 'List what was posted to an account',
    description:
      'For admins: of the own tenant, newest first, in every currency. With `Accept: text/csv` it is a table of all that ' +
      'the filters select (RFC 4180), or of `limit` lines; a text that a spreadsheet would run begins with an apostrophe.',
  })
  @ApiParam({ name: 'code', description: 'Of the account', example: 'sales', schema: { type: 'string' } })
  @ApiOkResponse({
    description: 'A part of the list, or the table',
    headers: {
      'Content-Disposition': {
        description: 'Of a table: a name to save it under',
        schema: { type: 'string' },
        example: 'attachment; filename="sales.csv"',
      },
    },
    content: {
      'application/json': { schema: { $ref: getSchemaPath(EntryList) } },
      [CSV]: { schema: { type: 'string' }, example: CSV_EXAMPLE },
    },
  })
  @ApiErrors(LedgerAccountNotFoundError)
  async entries(
    @CurrentUser() actor: Principal,
    @Param('code', AccountCodePipe) code: AccountCode,
    @Query() query: EntriesQuery,
    @Headers('accept') accept: string | undefined,
  ): Promise<EntryList | StreamableFile> {
    if (prefers(accept, CSV)) {
      const lines = await this.document.open(actor, code, query);
      const disposition = `attachment; filename="${code}.csv"`;
      return new StreamableFile(Readable.from(lines, { objectMode: false }), {
        type: `${CSV}; charset=utf-8`,
        disposition,
      });
    }
    const { data, has_more } = await this.books.entries(actor, code, query);
    return { data: data.map(EntryResponse.from), has_more };
  }
}
