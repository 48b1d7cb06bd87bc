import { ApiProperty } from '@nestjs/swagger';
import { ROLES, type Role } from '../common/access.js';
import { Email, Id, OneOf, Text } from '../common/fields.js';
import { PageOf, PageQuery } from '../common/pagination.js';
import { USER_STATUSES, type User, type UserStatus } from './user.entity.js';

const username = {
  min: 3,
  max: 30,
  pattern: { test: /^[a-zA-Z0-9_-]+$/, message: 'Username can only contain alphanumeric characters, - and _' },
  example: 'ada',
};

export class UserCreate {
  @Email({ description: 'User email address; kept in lower case' })
  email!: string;

  @Text({ min: 8, max: 128, format: 'password', description: 'User password', example: 'Password123' })
  password!: string;

  @Text({ min: 1, max: 200, trim: true, description: 'Full name', example: 'Ada Lovelace' })
  full_name!: string;

  @Text({ ...username, optional: true, description: 'Unique, whatever the case of its letters' })
  username?: string;
}

export class ProfileUpdate {
  @Text({ ...username, optional: true, nullable: true, description: 'Null clears it' })
  username?: string | null;

  @Text({ min: 1, max: 200, trim: true, optional: true, description: 'Full name', example: 'Ada King' })
  full_name?: string;
}

export class UserUpdate extends ProfileUpdate {
  @Email({ optional: true, description: 'By an admin: the new address is unverified, and the sessions end' })
  email?: string;

  @OneOf(ROLES, { optional: true, description: 'By an admin; `platform_admin` by a platform admin', example: 'admin' })
  role?: Role;

  @OneOf(USER_STATUSES, {
    optional: true,
    description: 'By an admin; disabling ends the sessions',
    example: 'disabled',
  })
  status?: UserStatus;
}

export const USER_SORTS = ['created_at', '-created_at', 'email', '-email', 'full_name', '-full_name'] as const;
export type UserSort = (typeof USER_SORTS)[number];

export class UserQuery extends PageQuery {
  @Text({
    min: 1,
    max: 254,
    optional: true,
    description: 'The beginning of e-mail, username or full name, ignoring case',
    example: 'ada',
  })
  q?: string;

  @OneOf(ROLES, { optional: true, description: 'With this role', example: 'user' })
  role?: Role;

  @OneOf(USER_STATUSES, { optional: true, description: 'With this status', example: 'active' })
  status?: UserStatus;

  @OneOf(USER_SORTS, {
    optional: true,
    description: '`-` for descending; newest first unless told',
    example: '-created_at',
  })
  sort: UserSort = '-created_at';

  @Id({
    optional: true,
    description: 'Of a platform admin: which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

export class UserResponse {
  @ApiProperty({ format: 'uuid', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  readonly id!: string;

  @ApiProperty({ format: 'email', example: 'ada@example.com' })
  readonly email!: string;

  @ApiProperty({ type: String, nullable: true, example: 'ada' })
  readonly username!: string | null;

  @ApiProperty({ example: 'Ada Lovelace' })
  readonly full_name!: string;

  @ApiProperty({ enum: ROLES, example: 'user' })
  readonly role!: Role;

  @ApiProperty({ enum: USER_STATUSES, example: 'active' })
  readonly status!: UserStatus;

  @ApiProperty({ example: false })
  readonly email_verified!: boolean;

  @ApiProperty({ example: false })
  readonly mfa_enabled!: boolean;

  @ApiProperty({ format: 'uuid', example: '01900000-0000-7000-8000-000000000000' })
  readonly tenant_id!: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly created_at!: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly updated_at!: Date;

  /** Names what may leave, field by field: a new column stays inside until somebody lists it here. */
  static from(user: User): UserResponse {
    const {
      id,
      email,
      username,
      full_name,
      role,
      status,
      email_verified,
      mfa_enabled,
      tenant_id,
      created_at,
      updated_at,
    } = user;
    return {
      id,
      email,
      username,
      full_name,
      role,
      status,
      email_verified,
      mfa_enabled,
      tenant_id,
      created_at,
      updated_at,
    };
  }
}

export class UserPage extends PageOf(UserResponse) {}
