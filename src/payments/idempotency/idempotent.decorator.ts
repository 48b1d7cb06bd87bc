import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { IDEMPOTENT } from '../../common/access.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';

/**
 * Wants an `Idempotency-Key`. Whoever sends the same request with the same key gets the same answer for 72 hours, and
 * nothing is done twice; the same key with another request is refused.
 */
export const Idempotent = (): MethodDecorator =>
  applyDecorators(
    SetMetadata(IDEMPOTENT, true),
    UseInterceptors(IdempotencyInterceptor),
    ApiHeader({
      name: 'Idempotency-Key',
      required: true,
      description:
        '1 to 255 printable ASCII characters, of your own making: the same for a request that is sent again. ' +
        'In Swagger UI the example stands for a fresh one each time.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
      example: 'order-4711-attempt-1',
    }),
  );
