import { ApiProperty } from '@nestjs/swagger';
import { SCOPES, type Scope } from '../../common/access.js';
import { DateTime, Integer, SomeOf, Text } from '../../common/fields.js';
import type { MadeApiKey, ShownApiKey } from './api-key.entity.js';
import { prefixOf } from './key-text.js';

const MAX_OVERLAP_SECONDS = 7 * 24 * 60 * 60;

export class ApiKeyCreate {
  @Text({ min: 1, max: 100, trim: true, description: 'What it is for', example: 'Nightly report' })
  name!: string;

  @SomeOf(SCOPES, {
    optional: true,
    description: 'What it may do; all that you may, unless told. `users:read` is for admins',
    example: ['payments:read'],
  })
  scopes?: Scope[];

  @DateTime({ optional: true, description: 'When it ends; never, unless told', example: '2036-01-31T12:00:00.000Z' })
  expires_at?: Date;
}

export class ApiKeyRotate {
  @Integer({
    min: 0,
    max: MAX_OVERLAP_SECONDS,
    optional: true,
    description: 'How long the old key goes on; a day unless told, at most a week',
    example: 3_600,
  })
  overlap_seconds?: number;
}

const ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';

export class ApiKeyResponse {
  @ApiProperty({ format: 'uuid', example: ID })
  readonly id!: string;

  @ApiProperty({ example: 'Nightly report' })
  readonly name!: string;

  @ApiProperty({ description: 'How the key begins', example: prefixOf(ID) })
  readonly prefix!: string;

  @ApiProperty({ enum: SCOPES, isArray: true, example: ['payments:read'] })
  readonly scopes!: readonly Scope[];

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2036-01-31T12:00:00.000Z' })
  readonly expires_at!: Date | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'At most a minute behind',
    example: null,
  })
  readonly last_used_at!: Date | null;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly created_at!: Date;

  static from({ id, name, scopes, expires_at, last_used_at, created_at }: ShownApiKey): ApiKeyResponse {
    return { id, name, prefix: prefixOf(id), scopes, expires_at, last_used_at, created_at };
  }
}

/** The only answer that has the key itself. */
export class ApiKeyCreated extends ApiKeyResponse {
  @ApiProperty({
    description: 'For the Authorization header; shown this once',
    example: `${prefixOf(ID)}_${'x'.repeat(43)}`,
  })
  readonly key!: string;

  static override from(made: MadeApiKey): ApiKeyCreated {
    return { ...ApiKeyResponse.from(made), key: made.key };
  }
}

export class ApiKeyList {
  @ApiProperty({ type: [ApiKeyResponse] })
  readonly data!: ApiKeyResponse[];
}
