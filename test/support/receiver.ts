import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { atEnd } from './clean-up.js';
import type { TestApp } from './app.js';
import { succeed, type Client } from './client.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';

/** One delivery, as it came over the wire. */
export interface Got {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body, parsed. */
  readonly event: any;
}

/** What a receiver answers: a status, or whatever it does with the response. */
type Behaviour = (got: Got, response: ServerResponse) => number | void | Promise<number | void>;

const running = new Set<Receiver>();
atEnd(async () => {
  for (const receiver of running) await receiver.stop();
});

/** An integrator's server, on a real socket. */
export class Receiver {
  readonly got: Got[] = [];
  /** What it does now. */
  behaviour: Behaviour = () => 204;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts);
        const { method = '', url: path = '', headers } = request;
        const got = { id: String(headers['webhook-id']), method, path, headers, body, event: parsed(body) };
        this.got.push(got);
        void Promise.resolve(this.behaviour(got, response)).then((status) => {
          if (status) response.writeHead(status).end();
        });
      });
    });
    running.add(this);
  }

  static async start(host = '127.0.0.1'): Promise<Receiver> {
    // Free for as long as it is down, too.
    const [server, port] = [createServer(), await freePort()];
    await listen(server, host, port);
    return new Receiver(server, port);
  }

  /** @param host - by which name or number it is asked. */
  url(host = '127.0.0.1'): string {
    return `http://${host}:${this.port}/hooks?shop=1`;
  }

  ofType(type: string): Got[] {
    return this.got.filter(({ event }) => event.type === type);
  }

  /** When it has so many of this type. */
  until(type: string, count = 1): Promise<Got[]> {
    return eventually(() => {
      const found = this.ofType(type);
      if (found.length < count) throw new Error(`${found.length} of ${count} ${type} have come`);
      return found;
    });
  }

  async stop(): Promise<void> {
    if (!running.delete(this)) return;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Nobody listens any more, until it is back. */
  async down(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async back(): Promise<void> {
    await listen(this.server, '127.0.0.1', this.port);
  }
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}

const TOLERANCE_S = 300;

/**
 * As a receiver does it that has the specification and nothing of ours: whether one of the signatures is by this secret
 * over these very bytes, and of now.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function isSigned({ headers, body }: Pick<Got, 'headers' | 'body'>, secret: string): boolean {
  const [id, at, signatures] = ['id', 'timestamp', 'signature'].map((name) => String(headers[`webhook-${name}`]));
  if (Math.abs(Date.now() / 1_000 - Number(at)) > TOLERANCE_S) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = Buffer.concat([Buffer.from(`${id}.${at}.`), body]);
  const expected = createHmac('sha256', key).update(signed).digest();
  return signatures!.split(' ').some((one) => {
    const [version, given = ''] = one.split(',');
    const mac = Buffer.from(given, 'base64');
    return version === 'v1' && mac.length === expected.length && timingSafeEqual(mac, expected);
  });
}

/** An endpoint of an admin's tenant. */
export const endpointAt = async (admin: Client, url: string, changes: object = {}): Promise<any> =>
  succeed(await admin.post('/webhook-endpoints', { url, ...changes }));

/** What became of an endpoint's deliveries, as its admin sees it. */
export const deliveriesOf = async (admin: Client, { id }: { id: string }): Promise<any[]> =>
  succeed(await admin.get(`/webhook-endpoints/${id}/deliveries?limit=100`)).data;

/** Until nothing waits to be sent but what lies in the future. */
export const untilDeliveries = (
  admin: Client,
  endpoint: { id: string },
  are: (deliveries: any[]) => boolean,
): Promise<any[]> =>
  eventually(async () => {
    const deliveries = await deliveriesOf(admin, endpoint);
    if (!are(deliveries)) throw new Error(`Not yet: ${JSON.stringify(deliveries)}`);
    return deliveries;
  });

/** As if so much time had passed for what waits. */
export const makeDue = (app: TestApp, endpoint: { id: string }): Promise<unknown> =>
  app.sql(`UPDATE webhook_deliveries SET next_attempt_at = now() WHERE endpoint_id = $1 AND status = 'pending'`, [
    endpoint.id,
  ]);

/** Until every attempt that has begun has been written down. */
export const nothingUnderWay = (app: TestApp, endpoint: { id: string }): Promise<unknown> =>
  eventually(async () => {
    const under_way = await app.sql(
      'SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND lease_until > now()',
      [endpoint.id],
    );
    if (under_way.length > 0) throw new Error(`${under_way.length} are under way`);
  });
