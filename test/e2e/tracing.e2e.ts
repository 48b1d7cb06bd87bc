import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startApp, someAccount, type TestApp } from '../support/app.js';
import { Client, succeed } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { paid } from '../support/payments.js';
import { endpointAt, Receiver } from '../support/receiver.js';
import { startShipped, type Shipped } from '../support/shipped.js';
import { TraceCollector, type Span } from '../support/trace-collector.js';

// Processes of their own take a while to start.
jest.setTimeout(120_000);

const SETTINGS = { NODE_ENV: 'test', PAYMENT_PROVIDER: 'simulator', WEBHOOK_ALLOWED_CIDRS: '127.0.0.0/8' };

let collector: TraceCollector;
let api: Shipped;
let looking: TestApp;
beforeAll(async () => {
  looking = await startApp({ settings: { PROCESS_ROLE: 'api' } });
  collector = await TraceCollector.start();
  const start = (PROCESS_ROLE: string): Promise<Shipped> =>
    startShipped({ settings: { ...SETTINGS, PROCESS_ROLE }, preload: collector.preload });
  [api] = await Promise.all([start('api'), start('worker')]);
});

const account = someAccount();
const signUp = async (): Promise<Client> => {
  succeed(await api.send('POST', '/users', { body: account }));
  return Client.logIn(api.send, account);
};

describe('a trace', () => {
  it('of a sign-up has the request, its SQL, the job in another process and the mail', async () => {
    await signUp();
    const spans = await collector.trace('POST /api/v1/users', /^pg.*INSERT/, /^deliver mail$/, /^send mail$/);

    // Each step hangs on one that is there, though each process sends its own when it likes.
    const [{ traceId }] = spans as [Span];
    await eventually(() => expect(collector.beginnings(traceId)).toHaveLength(1));
    await looking.mail(account.email);
  });

  it('of a payment goes on at whom a webhook tells of it', async () => {
    const receiver = await Receiver.start();
    const [admin, ada] = [await looking.tenantAdmin(), await looking.signUp()];
    await endpointAt(admin, receiver.url());
    const payer = await Client.logIn(api.send, ada);
    await paid(payer);
    const [told] = await receiver.until('payment.succeeded');
    const [, traceId, spanId] = String(told?.headers['traceparent']).split('-');

    const [payment] = await collector.trace('POST /api/v1/payments', /^deliver payments$/, /^send webhook$/);
    expect(payment).toMatchObject({ traceId });
    // The request that came is a step of the sending, whose own span comes after it.
    const { parentSpanId } = await collector.span(String(spanId));
    expect(await collector.span(String(parentSpanId))).toMatchObject({ traceId, name: 'send webhook' });
  });

  it('says nothing about anybody', async () => {
    const ada = await Client.logIn(api.send, account);
    await ada.get('/users/me?q=somebody-in-particular');
    await collector.trace('GET /api/v1/users/me');

    for (const secret of [account.email, account.password, account.full_name, 'somebody-in-particular']) {
      expect(collector.text).not.toContain(secret);
      expect(collector.text).not.toContain(encodeURIComponent(secret));
    }
  });
});

it('leaves a command that does not listen for signals to end by them', async () => {
  const waits = `${collector.preload} console.log('up'); setInterval(() => undefined, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', waits], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');

  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
});

it('is not begun where nobody has asked for one', async () => {
  const { user } = await looking.signUp();

  expect(await looking.sql('SELECT DISTINCT traceparent FROM outbox WHERE subject_id = $1', [user.id])).toEqual([
    { traceparent: null },
  ]);
});
