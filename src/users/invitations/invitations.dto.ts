import { ApiProperty, OmitType } from '@nestjs/swagger';
import { ROLES, type Role } from '../../common/access.js';
import { Email, Id, OneOf, Text } from '../../common/fields.js';
import { PageOf, PageQuery } from '../../common/pagination.js';
import { UserCreate } from '../users.dto.js';
import { INVITATION_STATUSES, statusOf, type Invitation, type InvitationStatus } from './invitation.entity.js';

export class InvitationCreate {
  @Email({ description: 'Whom the mail goes to; kept in lower case' })
  email!: string;

  @OneOf(ROLES, {
    optional: true,
    description: '`user` unless told; `platform_admin` by a platform admin',
    example: 'admin',
  })
  role?: Role;

  @Id({
    optional: true,
    description: 'Of a platform admin: into which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

export class InvitationQuery extends PageQuery {
  @OneOf(INVITATION_STATUSES, { optional: true, description: 'With this status', example: 'pending' })
  status?: InvitationStatus;

  @Id({
    optional: true,
    description: 'Of a platform admin: which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

/** What a sign-up gives, but for the address: that is the invitation's. */
export class InvitationAccept extends OmitType(UserCreate, ['email']) {
  @Text({
    min: 1,
    max: 200,
    description: 'As the link in the mail has it',
    example: 'Zp2q1vT0m9cXrW5aKjL3nYb7uHd8sEfG6iOxQtMzRwA',
  })
  token!: string;
}

export class InvitationResponse {
  @ApiProperty({ format: 'uuid', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  readonly id!: string;

  @ApiProperty({ format: 'email', example: 'ada@example.com' })
  readonly email!: string;

  @ApiProperty({ enum: ROLES, example: 'admin' })
  readonly role!: Role;

  @ApiProperty({ enum: INVITATION_STATUSES, example: 'pending' })
  readonly status!: InvitationStatus;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly expires_at!: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-24T12:00:00.000Z' })
  readonly created_at!: Date;

  static from(invitation: Invitation): InvitationResponse {
    const { id, email, role, expires_at, created_at } = invitation;
    return { id, email, role, status: statusOf(invitation), expires_at, created_at };
  }
}

export class InvitationPage extends PageOf(InvitationResponse) {}
