import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';
import { SealedColumn } from '../database/sealing/sealed-column.js';

/** What the pieces' key is derived for. */
export const PIECES = 'export';

/** A part of an export's document: small enough that a document of any size is never in memory as a whole. */
@Entity('export_pieces')
@Unique('export_pieces_in_order', ['export_id', 'position'])
export class ExportPiece {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'export_pieces_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  export_id!: string;

  /** From 0. */
  @Column('integer')
  position!: number;

  @SealedColumn(PIECES)
  @Column('bytea')
  piece!: Buffer;

  /** The key of the ring that opens the piece. */
  @Column('text')
  key_id!: string;
}
