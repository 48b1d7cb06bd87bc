import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import { ROLES, type Role } from '../../common/access.js';
import { USER_STATUSES, type UserStatus } from '../user.entity.js';
import { SCHEMA } from './documents.mongoose.js';

/**
 * A user as a document. A field that has no value is not there: then what must be unique does not collide. What is left of
 * a user who was deleted, or whose insert was undone, is the id, a version and the write that did it, so that nothing that
 * comes late brings the user back, or puts anything in the way of a write that was committed since.
 */
@Schema({ collection: 'users', ...SCHEMA })
export class UserDocument {
  /** Ours, a UUID. */
  @Prop({ type: String })
  _id!: string;

  @Prop({ type: String })
  tenant_id!: string;

  /** In lower case. */
  @Prop({ type: String })
  email!: string;

  /** As it was given. */
  @Prop({ type: String })
  username?: string;

  /** The username in lower case, which is what must be unique. */
  @Prop({ type: String })
  username_key?: string;

  @Prop({ type: String })
  full_name!: string;

  /** The full name in lower case, whose beginning is looked for. */
  @Prop({ type: String })
  full_name_key!: string;

  /** PHC string. */
  @Prop({ type: String })
  password_hash!: string;

  @Prop({ type: String, enum: ROLES })
  role!: Role;

  @Prop({ type: String, enum: USER_STATUSES })
  status!: UserStatus;

  @Prop({ type: Boolean })
  email_verified!: boolean;

  @Prop({ type: Boolean })
  mfa_enabled!: boolean;

  /** Grows with every change; a change states which one it saw. */
  @Prop({ type: Number })
  version!: number;

  @Prop({ type: Date })
  created_at!: Date;

  @Prop({ type: Date })
  updated_at!: Date;

  /** The row in the journal of the write that has left it so. */
  @Prop({ type: String })
  written_by?: string;

  /** When it was deleted for good, or its insert was undone. */
  @Prop({ type: Date })
  gone_at?: Date;
}

const DAY_SECONDS = 24 * 60 * 60;

/** Made when the process starts: `autoIndex` would make them at some moment after that. */
export const UserSchema = SchemaFactory.createForClass(UserDocument)
  .index({ email: 1 }, { name: 'users_email_key', unique: true, sparse: true })
  .index({ username_key: 1 }, { name: 'users_username_key', unique: true, sparse: true })
  .index({ tenant_id: 1, created_at: -1, _id: -1 }, { name: 'users_newest' })
  .index({ tenant_id: 1, email: 1, _id: 1 }, { name: 'users_by_email' })
  .index({ tenant_id: 1, username_key: 1 }, { name: 'users_by_username' })
  .index({ tenant_id: 1, full_name: 1, _id: 1 }, { name: 'users_by_full_name' })
  .index({ tenant_id: 1, full_name_key: 1 }, { name: 'users_by_full_name_key' })
  .index({ role: 1, tenant_id: 1 }, { name: 'users_by_role' })
  .index({ gone_at: 1 }, { name: 'users_gone', sparse: true, expireAfterSeconds: DAY_SECONDS });
