import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../common/access.js';
import { HealthService, type ReadyStatus } from './health.service.js';

class Health {
  @ApiProperty({ enum: ['ok', 'degraded', 'draining', 'unavailable'], example: 'ok' })
  readonly status!: ReadyStatus;
}

interface Reply {
  code(status: number): unknown;
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get('live')
  @Public('ignored')
  @ApiOperation({ summary: 'Is the process alive', description: 'Asks nothing of what it depends on.' })
  @ApiOkResponse({ type: Health, description: 'Alive' })
  live(): Health {
    return { status: 'ok' };
  }

  @Get('ready')
  @Public('ignored')
  @ApiOperation({
    summary: 'May requests come',
    description: '`degraded`: they may, though Redis, SMTP or MongoDB is of no use.',
  })
  @ApiOkResponse({ type: Health, description: 'Ready' })
  @ApiServiceUnavailableResponse({ type: Health, description: 'Draining, or without its database' })
  async ready(@Res({ passthrough: true }) reply: Reply): Promise<Health> {
    const status = await this.health.readiness();
    if (status === 'draining' || status === 'unavailable') reply.code(503);
    return { status };
  }
}
