import { createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { StripeBooks } from './books.js';
import { listIn, parseForm } from './form.js';
import { StripeRefusal } from './refusals.js';
import { now_s } from './shelves.js';

export type StripeOperation = 'create' | 'confirm' | 'capture' | 'cancel' | 'retrieve' | 'list' | 'refund' | 'other';

/** What goes wrong on the way. `_done`: after it was done. */
export type StripeFault =
  | 'reset'
  | 'reset_done'
  | 'half_done'
  | 'silence_done'
  | 'error'
  | 'error_done'
  | 'unavailable'
  | 'too_many'
  | 'in_use'
  | 'dependency'
  | 'forbidden';

export interface StripeRequest {
  readonly operation: StripeOperation;
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, any>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly form: Record<string, any>;
}

interface Answer {
  readonly status: number;
  readonly body: any;
  readonly headers?: Record<string, string>;
}

const ROUTES: readonly (readonly [StripeOperation, RegExp, (books: StripeBooks, id: string, form: any) => any])[] = [
  ['create', /^POST \/v1\/payment_intents$/, (books, _, form) => books.create(form)],
  ['confirm', /^POST \/v1\/payment_intents\/([^/]+)\/confirm$/, (books, id, form) => books.confirm(id, form)],
  ['capture', /^POST \/v1\/payment_intents\/([^/]+)\/capture$/, (books, id, form) => books.capture(id, form)],
  ['cancel', /^POST \/v1\/payment_intents\/([^/]+)\/cancel$/, (books, id, form) => books.cancel(id, form)],
  ['retrieve', /^GET \/v1\/payment_intents\/([^/]+)$/, (books, id) => books.intent(id)],
  ['list', /^GET \/v1\/payment_intents$/, (books) => books.intents],
  ['refund', /^POST \/v1\/refunds$/, (books, _, form) => books.refund(form)],
  ['other', /^GET \/v1\/refunds\/([^/]+)$/, (books, id) => books.refundOf(id)],
  ['other', /^GET \/v1\/refunds$/, (books) => books.refunds],
  ['other', /^GET \/v1\/disputes\/([^/]+)$/, (books, id) => books.disputeOf(id)],
  ['other', /^GET \/v1\/disputes$/, (books) => books.disputes],
];

const problem = (status: number, error: object): Answer => ({ status, body: { error } });

/** What is answered without anything being done. */
const UNDONE: Partial<Record<StripeFault, Answer>> = {
  error: problem(500, { type: 'api_error', message: 'An unknown error occurred' }),
  unavailable: problem(503, { type: 'api_error', message: 'Unavailable' }),
  too_many: problem(429, { type: 'invalid_request_error', code: 'rate_limit' }),
  in_use: problem(409, { type: 'idempotency_error', code: 'idempotency_key_in_use' }),
  dependency: problem(424, { type: 'api_error', code: 'external_dependency_failed' }),
  forbidden: problem(403, { type: 'invalid_request_error', code: 'more_permissions_required' }),
};

const servers = new Set<StripeServer>();

afterAll(() => Promise.all([...servers].map((server) => server.stop())));

/** A Stripe of our own: its shapes, keys that are remembered, and as many faults as a test wants. */
export class StripeServer {
  readonly key = `sk_test_${randomUUID().replaceAll('-', '')}`;
  readonly webhookSecret = `whsec_${randomUUID().replaceAll('-', '')}`;
  readonly requests: StripeRequest[] = [];
  readonly events: any[] = [];
  readonly books = new StripeBooks((type, object) => this.happen(type, object));
  /** Waited for before anything is done. */
  before: (request: StripeRequest) => Promise<unknown> = () => Promise.resolve();
  /** Whether a refusal tells how the intent stands since. */
  sendsAlong = true;
  /** Changes what is answered. */
  lie: (object: any) => any = (object) => object;

  private readonly keys = new Map<string, { print: string; answer: Answer | null }>();
  private readonly faults: { operation: StripeOperation; fault: StripeFault }[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((request, response) => void this.serve(request, response));

  static async start(): Promise<StripeServer> {
    const server = new StripeServer();
    server.server.on('connection', (socket) => {
      server.sockets.add(socket);
      socket.on('close', () => server.sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    servers.add(server);
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Lets the next ones of their kind fail. */
  fail(operation: StripeOperation, fault: StripeFault, times = 1): void {
    for (let time = 0; time < times; time++) this.faults.push({ operation, fault });
  }

  heal(): void {
    this.faults.length = 0;
  }

  /** As after a day. */
  forgetKeys(): void {
    this.keys.clear();
  }

  /** What was asked, of one kind. */
  asked(operation: StripeOperation): StripeRequest[] {
    return this.requests.filter((request) => request.operation === operation);
  }

  /** How often money was taken for a payment of ours. */
  timesCharged(payment_id: string): number {
    const ids = this.books.intents.filter(({ metadata }) => metadata.payment_id === payment_id).map(({ id }) => id);
    return this.books.charges.filter((one) => ids.includes(one.payment_intent) && one.status === 'succeeded').length;
  }

  /** The header over a body, by hand as the documents have it: nothing of ours proves itself here. */
  signature(body: string, { at = now_s(), secret = this.webhookSecret } = {}): string {
    return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
  }

  async stop(): Promise<void> {
    if (!servers.delete(this)) return;
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private happen(type: string, object: any): void {
    this.events.push({
      id: `evt_${randomUUID()}`,
      object: 'event',
      api_version: '2024-06-20',
      created: now_s(),
      data: { object: structuredClone(object) },
      livemode: this.books.livemode,
      pending_webhooks: 1,
      type,
    });
  }

  private async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = message;
    const { pathname: path, search } = new URL(url, 'http://stripe');
    const body = await text(message).catch(() => '');
    const route = ROUTES.find(([, pattern]) => pattern.test(`${method} ${path}`));
    const operation = route?.[0] ?? 'other';
    const query = parseForm(search.slice(1));
    const request = { operation, method, path, query, headers, body, form: parseForm(body) };
    this.requests.push(request);
    await this.before(request);
    const at = this.faults.findIndex((one) => one.operation === operation);
    const [{ fault } = { fault: null }] = at < 0 ? [] : this.faults.splice(at, 1);
    if (fault === 'reset') return void message.socket.destroy();
    const answer = (fault && UNDONE[fault]) ?? this.answer(request, route, fault);
    this.send(message, response, answer, fault);
  }

  private answer(
    request: StripeRequest,
    route: (typeof ROUTES)[number] | undefined,
    fault: StripeFault | null,
  ): Answer {
    const { method, path, headers, body } = request;
    if (headers.authorization !== `Bearer ${this.key}`) {
      return problem(401, { type: 'invalid_request_error', message: 'Invalid API Key provided: sk_test_***' });
    }
    if (!route) return problem(404, { type: 'invalid_request_error', message: `Unrecognized request URL (${path})` });
    const key = headers['idempotency-key'];
    if (method !== 'POST' || typeof key !== 'string') return this.perform(request, route);
    const print = `${method} ${path} ${body}`;
    const known = this.keys.get(key);
    if (known && known.print !== print) {
      const message =
        'Keys for idempotent requests can only be used with the same parameters they were first used with.';
      return problem(400, { type: 'idempotency_error', message });
    }
    if (known?.answer) return { ...known.answer, headers: { 'idempotent-replayed': 'true' } };
    const done = this.perform(request, route);
    const answer = fault === 'error_done' ? UNDONE.error! : done;
    // What was refused for its parameters was never begun, and is not remembered.
    if (answer.status !== 400 && answer.status !== 404) this.keys.set(key, { print, answer });
    return answer;
  }

  private perform({ method, path, query, form }: StripeRequest, [, pattern, work]: (typeof ROUTES)[number]): Answer {
    const [, id = ''] = pattern.exec(`${method} ${path}`) ?? [];
    try {
      const found = work(this.books, id, form);
      const expand = listIn(query['expand'] ?? form['expand']);
      return { status: 200, body: Array.isArray(found) ? this.page(found, query, expand) : this.show(found, expand) };
    } catch (error) {
      if (!(error instanceof StripeRefusal)) throw error;
      return problem(error.status, this.sendsAlong ? error.error : { ...error.error, payment_intent: undefined });
    }
  }

  private page(objects: any[], query: any, expand: string[]): any {
    const { created = {}, limit = '10', starting_after, payment_intent } = query;
    const bounds: [string, (a: number, b: number) => boolean][] = [
      ['gte', (a, b) => a >= b],
      ['gt', (a, b) => a > b],
      ['lte', (a, b) => a <= b],
      ['lt', (a, b) => a < b],
    ];
    const found = objects
      .filter((one) => bounds.every(([name, holds]) => !(name in created) || holds(one.created, Number(created[name]))))
      .filter((one) => payment_intent === undefined || one.payment_intent === payment_intent);
    const first = starting_after ? 1 + found.findIndex(({ id }) => id === starting_after) : 0;
    const data = found.slice(first, first + Number(limit));
    const inside = expand.map((name) => name.replace('data.', ''));
    return {
      object: 'list',
      url: '/v1',
      has_more: found.length > first + data.length,
      data: data.map((one) => this.show(one, inside)),
    };
  }

  private show(object: any, expand: string[]): any {
    const shown = structuredClone(object);
    const shelves: Record<string, any[]> = { latest_charge: this.books.charges, payment_method: this.books.methods };
    for (const name of expand) {
      const shelf = shelves[name];
      if (!shelf) throw new StripeRefusal(400, { type: 'invalid_request_error', message: `Cannot expand ${name}` });
      shown[name] = structuredClone(shelf.find(({ id }) => id === shown[name]) ?? null);
    }
    return this.lie(shown);
  }

  private send(message: IncomingMessage, response: ServerResponse, answer: Answer, fault: StripeFault | null): void {
    if (fault === 'silence_done') return;
    if (fault === 'reset_done') return void message.socket.destroy();
    const bytes = Buffer.from(JSON.stringify(answer.body));
    const headers = { 'content-type': 'application/json', 'request-id': `req_${randomUUID()}`, ...answer.headers };
    response.writeHead(answer.status, { ...headers, 'content-length': bytes.length });
    if (fault !== 'half_done') return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length / 2), () => message.socket.destroy());
  }
}
