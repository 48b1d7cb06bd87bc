import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';

/** Asked for (`pending`), then gathered and to be fetched (`ready`), until its time is over. */
export type ExportStatus = 'pending' | 'ready';

/** All that is kept of a person, in one document, for that person. */
@Entity('exports')
@Unique('exports_token_hash_key', ['token_hash'])
export class Export {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'exports_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  @Column('text', { default: 'pending' })
  status!: ExportStatus;

  /** Of the token in the mailed link. */
  @Column('bytea', { nullable: true })
  token_hash!: Buffer | null;

  /** How many pieces the document is kept in. */
  @Column('integer', { default: 0 })
  pieces!: number;

  /** Length of the document. */
  @Column('integer', { default: 0 })
  bytes!: number;

  /** How often it was fetched. */
  @Column('integer', { default: 0 })
  downloads!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  /** The moment that the document shows. */
  @Column('timestamptz', { nullable: true })
  gathered_at!: Date | null;

  @Column('timestamptz')
  expires_at!: Date;
}
