import { request as requestHttp, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { json } from 'node:stream/consumers';

/** As Stripe's package asks it. For `timeout` milliseconds the connection may be silent. */
type Question = [
  host: string,
  port: string,
  path: string,
  method: string,
  headers: object,
  body: string,
  protocol: string,
  timeout: number,
];

/**
 * Carries one question of Stripe's package, which has no signal of its own and counts its time-out anew for each try: with
 * the signal everything ends, what is under way and what would be tried again.
 */
export class StripeTransport {
  constructor(
    private readonly agent: Agent,
    private readonly signal: AbortSignal,
  ) {}

  getClientName(): string {
    return 'node';
  }

  makeRequest(...[host, port, path, method, headers, body, protocol, timeout]: Question): Promise<StripeAnswer> {
    const { agent, signal } = this;
    const request = protocol === 'http' ? requestHttp : requestHttps;
    return new Promise((resolve, reject) => {
      const sent = request({ host, port, path, method, headers: { ...headers }, agent, signal, timeout });
      sent.once('response', (response) => resolve(new StripeAnswer(response)));
      sent.once('timeout', () => sent.destroy(Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

/** What came back; a body that ends too early is an error. */
class StripeAnswer {
  constructor(private readonly response: IncomingMessage) {}

  getStatusCode(): number {
    return this.response.statusCode ?? 0;
  }

  getHeaders(): IncomingHttpHeaders & Record<string, string> {
    return this.response.headers as IncomingHttpHeaders & Record<string, string>;
  }

  getRawResponse(): IncomingMessage {
    return this.response;
  }

  toStream(): IncomingMessage {
    return this.response;
  }

  toJSON(): Promise<unknown> {
    return json(this.response);
  }

  dispose(): void {
    this.response.resume();
  }
}
