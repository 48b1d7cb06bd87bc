import { Injectable } from '@nestjs/common';
import type { ExportPage } from '../common/personal-data.js';
import { Database } from '../database/database.js';
import { exportPageOf } from '../database/keyset.js';
import { DeletesExpired, deleteOldest } from '../database/retention/expired.js';
import { ExportPiece } from './export-piece.entity.js';
import { Export } from './export.entity.js';

/** How long a link is good for, and how long gathering may be tried. */
const KEPT = `interval '24 hours'`;

/** A download may break off, or end up where nobody finds it; a link that many have is no longer one person's. */
const DOWNLOADS = 5;

export type Gathered = Pick<Export, 'token_hash' | 'pieces' | 'bytes'>;
export type OpenedExport = Pick<Export, 'id' | 'tenant_id' | 'user_id' | 'pieces' | 'bytes'> & {
  readonly gathered_at: Date;
};

/** Whether the tenant of an export lets anybody in. */
const OPEN = `EXISTS (SELECT FROM tenants WHERE tenants.id = exports.tenant_id AND tenants.status = 'active')`;

/** Every question that the product asks about exports. */
@Injectable()
export class ExportsRepository {
  constructor(private readonly database: Database) {}

  /** @returns whether it was new: while one is under way for this person, there is no second. */
  async insert({ id, tenant_id, user_id }: Pick<Export, 'id' | 'tenant_id' | 'user_id'>): Promise<boolean> {
    return this.database.run(async (manager) => {
      // Whoever was to gather it has given up.
      await manager.query(`DELETE FROM exports WHERE user_id = $1 AND status = 'pending' AND expires_at <= now()`, [
        user_id,
      ]);
      const rows = await manager.query<unknown[]>(
        `INSERT INTO exports (id, tenant_id, user_id, expires_at) VALUES ($1, $2, $3, now() + ${KEPT})
         ON CONFLICT (user_id) WHERE status = 'pending' DO NOTHING RETURNING id`,
        [id, tenant_id, user_id],
      );
      return rows.length === 1;
    });
  }

  findPending(id: string): Promise<Export | null> {
    return this.database.run((manager) => manager.findOneBy(Export, { id, status: 'pending' }));
  }

  /** Gives a pending export up where its tenant is closed: once that is open again the person may ask for another. */
  async dropWhereClosed(id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(`DELETE FROM exports WHERE id = $1 AND status = 'pending' AND NOT ${OPEN}`, [id]),
    );
  }

  /** Keeps the tenant as it is until the caller's transaction ends. A snapshot that shows it otherwise fails, and starts over. */
  async holdTenant({ tenant_id }: Pick<Export, 'tenant_id'>): Promise<void> {
    await this.database.run((manager) => manager.query('SELECT 1 FROM tenants WHERE id = $1 FOR SHARE', [tenant_id]));
  }

  async insertPiece(piece: ExportPiece): Promise<void> {
    await this.database.run((manager) => manager.insert(ExportPiece, piece));
  }

  /** Makes a pending export the only one that its person can fetch. */
  async finish(
    { id, user_id }: Pick<Export, 'id' | 'user_id'>,
    { token_hash, pieces, bytes }: Gathered,
  ): Promise<void> {
    await this.database.run(async (manager) => {
      await manager.query(
        `UPDATE exports SET status = 'ready', token_hash = $2, pieces = $3, bytes = $4, gathered_at = now(),
           expires_at = now() + ${KEPT} WHERE id = $1`,
        [id, token_hash, pieces, bytes],
      );
      await manager.query('DELETE FROM exports WHERE user_id = $1 AND id <> $2', [user_id, id]);
    });
  }

  /** Counts a download. @returns null when the token is none, its time or number is over, or its tenant closed. */
  open(token_hash: Buffer): Promise<OpenedExport | null> {
    return this.database.run(async (manager) => {
      const [[row]] = await manager.query<[(OpenedExport | undefined)[], number]>(
        `UPDATE exports SET downloads = downloads + 1
         WHERE token_hash = $1 AND expires_at > now() AND downloads < ${DOWNLOADS} AND ${OPEN}
         RETURNING id, tenant_id, user_id, pieces, bytes, gathered_at`,
        [token_hash],
      );
      return row ?? null;
    });
  }

  findPiece(export_id: string, position: number): Promise<ExportPiece | null> {
    return this.database.run((manager) => manager.findOneBy(ExportPiece, { export_id, position }));
  }

  async delete(user_id: string): Promise<void> {
    await this.database.run((manager) => manager.delete(Export, { user_id }));
  }

  page(user_id: string, page: ExportPage): Promise<Export[]> {
    return this.database.run((manager) =>
      exportPageOf(manager.createQueryBuilder(Export, 'export').where('export.user_id = :user_id', { user_id }), page),
    );
  }

  @DeletesExpired('exports')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'exports' });
  }
}
