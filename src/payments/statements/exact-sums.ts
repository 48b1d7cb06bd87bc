import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import type { Reply } from '../../common/reply.js';

/** As `JSON.stringify`, but a bigint is written with all its digits: JSON's numbers have no largest one. */
export function exactJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, entry]) => `${JSON.stringify(name)}:${exactJson(entry)}`);
  return `{${fields.join(',')}}`;
}

/** Answers with sums beyond 2^53 as exactly as with any other. */
@Injectable()
export class ExactSums implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<Buffer> {
    return next.handle().pipe(
      map((sums) => {
        context.switchToHttp().getResponse<Reply>().header('content-type', 'application/json; charset=utf-8');
        return Buffer.from(exactJson(sums));
      }),
    );
  }
}
