import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import { SealedColumn } from '../../database/sealing/sealed-column.js';

/** Whoever undoes writes to a user holds the lock of this name, a colon and the user's id. */
export const UNDO = 'user-undo';

/** A write to a user in another store that was begun. It is gone once the transaction that it is part of is committed. */
@Entity('user_writes')
export class UserWrite {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'user_writes_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  /** The one that the write leaves. */
  @Column('integer')
  version!: number;

  /** What its transaction holds: digests of the user's id, and of the addresses and usernames that it takes or frees. */
  @Column('bigint', { array: true })
  locks!: string[];

  /** The user as it was, with the password's hash: sealed. Null where there was none. */
  @SealedColumn('user_writes', { lock: UNDO, column: 'user_id' })
  @Column('bytea', { nullable: true })
  before!: Buffer | null;

  /** The key of the ring that opens it. */
  @Column('text', { nullable: true })
  key_id!: string | null;

  /** Somebody undoes it: its transaction does not commit any more. */
  @Column('boolean', { default: false })
  taken_back!: boolean;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
