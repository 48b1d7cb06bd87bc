import { ApiProperty } from '@nestjs/swagger';
import { DateTime, Id, Text } from '../common/fields.js';
import { KeysetOf, KeysetQuery } from '../common/pagination.js';
import type { ActorType, AuditEvent } from './audit-event.entity.js';

const ACTOR_TYPES = ['user', 'api_key', 'anonymous', 'system'] as const satisfies readonly ActorType[];
const EXAMPLE_ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';

export class AuditQuery extends KeysetQuery {
  @Id({ optional: true, description: 'What this user or API key has done', example: EXAMPLE_ID })
  actor_id?: string;

  @Id({ optional: true, description: 'What was done to this user, session or API key', example: EXAMPLE_ID })
  subject_id?: string;

  @Text({
    min: 1,
    max: 64,
    pattern: { test: /^[a-z_]+$/, message: 'must be the name of an action' },
    optional: true,
    description: 'One kind of event',
    example: 'authz_change',
  })
  action?: string;

  @DateTime({ optional: true, description: 'From this moment on', example: '2026-01-31T00:00:00Z' })
  since?: Date;

  @DateTime({ optional: true, description: 'Before this moment', example: '2036-01-31T00:00:00Z' })
  until?: Date;

  @Id({
    optional: true,
    description: 'Of a platform admin: which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

export class AuditActor {
  @ApiProperty({ enum: ACTOR_TYPES, description: '`anonymous`: nobody that is known', example: 'user' })
  readonly type!: ActorType;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, example: EXAMPLE_ID })
  readonly id!: string | null;
}

export class AuditSubject {
  @ApiProperty({
    type: String,
    nullable: true,
    description: '`request`: what a request named that was refused',
    example: 'user',
  })
  readonly type!: string | null;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, example: EXAMPLE_ID })
  readonly id!: string | null;
}

export class AuditEventResponse {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  readonly id!: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly at!: Date;

  @ApiProperty({ format: 'uuid', example: '01900000-0000-7000-8000-000000000000' })
  readonly tenant_id!: string;

  @ApiProperty({ type: AuditActor })
  readonly actor!: AuditActor;

  @ApiProperty({ description: 'In the words of the OWASP logging vocabulary', example: 'authz_change' })
  readonly action!: string;

  @ApiProperty({ type: AuditSubject })
  readonly subject!: AuditSubject;

  @ApiProperty({ enum: ['success', 'failure'], example: 'success' })
  readonly outcome!: 'success' | 'failure';

  @ApiProperty({ type: String, nullable: true, description: 'Why, in one word', example: null })
  readonly reason!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'By which request', example: EXAMPLE_ID })
  readonly request_id!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The network that it came from',
    example: '203.0.113.0/24',
  })
  readonly ip!: string | null;

  @ApiProperty({ type: [String], description: 'Names of the fields that changed', example: ['role'] })
  readonly changes!: readonly string[];

  static from(event: AuditEvent): AuditEventResponse {
    const { id, at, tenant_id, action, outcome, reason, request_id, ip, changes } = event;
    const actor = { type: event.actor_type, id: event.actor_id };
    const subject = { type: event.subject_type, id: event.subject_id };
    return { id, at, tenant_id, actor, action, subject, outcome, reason, request_id, ip, changes };
  }
}

export class AuditEventPage extends KeysetOf(AuditEventResponse) {}
