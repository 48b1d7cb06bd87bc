import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Hooks } from '../common/hooks.js';
import { rateLimitHeaders } from '../common/rate-limit.js';
import { requestContext, type Standing } from '../common/request-context.js';
import { Limiter } from './limiter.js';
import { clientNetwork } from './subjects.js';

/**
 * Marks a method `(authorization: string) => Promise<string | null>` that tells without a look at the database, by a
 * credential's signature or from memory, whose requests it makes.
 */
export const NamesClient = DiscoveryService.createDecorator<Record<never, never>>();

type ClientName = (authorization: string) => Promise<string | null>;

/** What people and machines beside the API must always reach. */
const OUTSIDE = /^\/(health|docs|docs-json|dev)(\/|$)/;
/** What providers tell us has a limit of its own, which alone counts it. */
const PROVIDERS = /^\/api\/v1\/webhooks(\/|$)/;

/** Counts every request before its body is read, also what leads nowhere. */
@Injectable()
export class RequestLimits implements OnApplicationBootstrap {
  private names: readonly ClientName[] = [];

  constructor(
    private readonly limiter: Limiter,
    private readonly hooks: Hooks,
  ) {}

  onApplicationBootstrap(): void {
    this.names = this.hooks.find<Record<never, never>, ClientName>(NamesClient).map(({ handle }) => handle);
  }

  /** @throws {RateLimitedError} the client, or its address, has asked too much. */
  async count({ routeOptions, headers }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const context = requestContext();
    const route = routeOptions.url ?? '';
    if (!context || OUTSIDE.test(route)) return;
    context.onStanding = tightestInto(reply);
    if (PROVIDERS.test(route)) return;
    const address = clientNetwork(context.ip);
    const name = headers.authorization === undefined ? null : await this.nameOf(headers.authorization);
    await this.limiter.take({ general: name ?? address, flood: address });
  }

  private async nameOf(authorization: string): Promise<string | null> {
    for (const name of this.names) {
      const found = await name(authorization);
      if (found !== null) return found;
    }
    return null;
  }
}

/** Of all limits that count a request, the client hears of the one that has the least left. */
function tightestInto(reply: FastifyReply): (standing: Standing) => void {
  let least = Infinity;
  return (standing) => {
    if (standing.remaining > least) return;
    least = standing.remaining;
    void reply.headers(rateLimitHeaders(standing));
  };
}
