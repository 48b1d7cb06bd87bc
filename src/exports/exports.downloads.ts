import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { hashOfToken, TokenInvalidError } from '../common/one-time-token.js';
import { Database } from '../database/database.js';
import { ExportDocuments } from './export-documents.js';
import { ExportsRepository, type OpenedExport } from './exports.repository.js';

export interface Download {
  /** Length of the whole. */
  readonly bytes: number;
  readonly gathered_at: Date;
  /** The document; it fails when the export ends meanwhile. */
  readonly pieces: AsyncIterable<Buffer>;
}

/** Handing exports out to whoever has the mailed link. */
@Injectable()
export class ExportsDownloads {
  constructor(
    private readonly exports: ExportsRepository,
    private readonly documents: ExportDocuments,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Good for a few times within its 24 hours: a download may break off.
   * @throws {TokenInvalidError}
   */
  open(token: string): Promise<Download> {
    return this.database.asSystem(() =>
      this.database.transaction(async () => {
        const opened = await this.exports.open(hashOfToken(token));
        if (!opened) throw new TokenInvalidError();
        const { tenant_id, user_id, bytes, gathered_at } = opened;
        const subject = { type: 'user', id: user_id } as const;
        await this.audit.record({ tenant_id, action: 'data_export_downloaded', subject });
        return { bytes, gathered_at, pieces: this.piecesOf(opened) };
      }),
    );
  }

  private async *piecesOf(opened: OpenedExport): AsyncGenerator<Buffer> {
    for (let position = 0; position < opened.pieces; position++) {
      yield await this.database.asTenant(opened.tenant_id, () => this.documents.find(opened, position));
    }
  }
}
