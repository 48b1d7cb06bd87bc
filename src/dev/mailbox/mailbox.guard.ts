import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RouteNotFoundError } from '../../common/http-errors.js';
import { plainAddress } from '../../common/ip.js';
import { isLoopback } from '../../config/read-settings.js';

const LOCAL_NAME = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;
const FORWARDING = /^(forwarded|x-forwarded-.*|x-real-ip|via)$/;

/**
 * Lets whoever sits at this machine pass; for everybody else the route does not exist. A name that is not ours comes from
 * a web page that had its own name resolved to this machine (DNS rebinding); a forwarding header comes from a proxy or a
 * tunnel, whose clients are elsewhere.
 */
@Injectable()
export class SameMachineGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { socket, headers } = context.switchToHttp().getRequest<FastifyRequest>().raw;
    const local = isLoopback(plainAddress(socket.remoteAddress ?? '')) && LOCAL_NAME.test(headers.host ?? '');
    if (!local || Object.keys(headers).some((name) => FORWARDING.test(name))) throw new RouteNotFoundError();
    return true;
  }
}
