import { DiscoveryService } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

/** Adds what operators may ask to their own listener, which has checked who they are. */
export type AddOpsRoutes = (server: FastifyInstance) => void | Promise<void>;

/** Marks an {@link AddOpsRoutes} method: it is called before the listener opens. */
export const OpsRoutes = DiscoveryService.createDecorator<Record<never, never>>();
