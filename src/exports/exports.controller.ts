import { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, StreamableFile } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Public, RecentLogin, type SessionPrincipal } from '../common/access.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { TokenInvalidError } from '../common/one-time-token.js';
import { RateLimit } from '../limits/rate-limit.decorator.js';
import { ExportsDownloads } from './exports.downloads.js';
import { ExportDownload } from './exports.dto.js';
import { ExportsService } from './exports.service.js';

/** Which lists there are is each feature's own affair. */
const EXPORT_DOCUMENT = {
  type: 'object',
  required: ['user_id', 'exported_at'],
  properties: {
    user_id: { type: 'string', format: 'uuid' },
    exported_at: { type: 'string', format: 'date-time', description: 'The moment that it shows' },
  },
  additionalProperties: { type: 'array', items: { type: 'object' } },
  example: {
    user_id: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c',
    exported_at: '2026-01-31T12:00:00.000Z',
    account: [{ id: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c', email: 'ada@example.com' }],
  },
};

const filename = (at: Date): string => `export-${at.toISOString().slice(0, 10)}.json`;

@ApiTags('users')
@Controller()
export class ExportsController {
  constructor(
    private readonly exports: ExportsService,
    private readonly downloads: ExportsDownloads,
  ) {}

  @Post('users/me/export')
  @HttpCode(202)
  @RecentLogin()
  @RateLimit('export')
  @ApiOperation({
    summary: 'Ask for the own data',
    description: 'A link to it is mailed, good for 24 hours. Wants a recent login.',
  })
  @ApiAcceptedResponse({ description: 'It is being gathered' })
  async request(@CurrentUser() actor: SessionPrincipal): Promise<void> {
    await this.exports.request(actor);
  }

  @Post('exports/download')
  @HttpCode(200)
  @Public()
  @ApiOperation({
    summary: 'Fetch an export',
    description:
      'All that is kept of a person: a list for each kind of thing. The newest link of a person counts; it ends with the ' +
      'account, a new password or a new address.',
  })
  @ApiOkResponse({
    description: 'The document',
    headers: {
      'Content-Disposition': {
        description: 'A name to save it under',
        required: true,
        schema: { type: 'string' },
        example: 'attachment; filename="export-2026-01-31.json"',
      },
    },
    content: { 'application/json': { schema: EXPORT_DOCUMENT } },
  })
  @ApiErrors(TokenInvalidError)
  async download(@Body() { token }: ExportDownload): Promise<StreamableFile> {
    const { bytes, gathered_at, pieces } = await this.downloads.open(token);
    return new StreamableFile(Readable.from(pieces, { objectMode: false }), {
      type: 'application/json; charset=utf-8',
      disposition: `attachment; filename="${filename(gathered_at)}"`,
      length: bytes,
    });
  }
}
