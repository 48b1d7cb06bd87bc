import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { engines } from './engines.js';

/** Where each worker notes the routes of the apps that it started, and those that were used: see routes.reporter.mjs. */
export const ROUTES_FILE = 'routes.jsonl';

/** Fastify's own and Swagger UI's assets: nobody wrote these, so nobody has to try them. */
const isOurs = (method: string, url: string): boolean =>
  ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method) && !url.includes('*') && !/^\/docs\/|^\/docs-/.test(url);

/** Notes every route at its declaration, and again when it has answered with success. */
export function recordRoutes(fastify: FastifyInstance): void {
  const file = join(engines().directory, ROUTES_FILE);
  const noted = new Set<string>();
  const note = (kind: 'declared' | 'used', method: string, url: string): void => {
    const line = `${JSON.stringify([kind, method, url.replace(/(?<=.)\/$/, '')])}\n`;
    if (!isOurs(method, url) || noted.has(line)) return;
    noted.add(line);
    appendFileSync(file, line);
  };
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) note('declared', one, url);
  });
  fastify.addHook('onResponse', ({ method, routeOptions: { url } }, { statusCode }, done) => {
    if (url && statusCode < 400) note('used', method, url);
    done();
  });
}
