import { ApiProperty } from '@nestjs/swagger';
import type { Session } from './session.entity.js';

export class SessionResponse {
  @ApiProperty({ format: 'uuid', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  readonly id!: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly created_at!: Date;

  @ApiProperty({ format: 'date-time', description: 'At most a minute behind', example: '2026-01-31T12:00:00.000Z' })
  readonly last_seen_at!: Date;

  @ApiProperty({ type: String, nullable: true, example: 'Mozilla/5.0' })
  readonly user_agent!: string | null;

  @ApiProperty({ description: 'The network that the login came from', example: '203.0.113.0/24' })
  readonly ip!: string;

  @ApiProperty({ description: 'Whether it is the session that asks', example: true })
  readonly current!: boolean;

  static from({ id, created_at, last_seen_at, user_agent, ip }: Session, current_id: string): SessionResponse {
    return { id, created_at, last_seen_at, user_agent, ip, current: id === current_id };
  }
}

export class SessionList {
  @ApiProperty({ type: [SessionResponse] })
  readonly data!: SessionResponse[];
}
