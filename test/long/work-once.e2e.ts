import { startApp, type TestApp } from '../support/app.js';
import { runCommand } from '../support/commands.js';
import { MailServer } from '../support/mail-server.js';
import { paid, paymentOf } from '../support/payments.js';
import { endpointAt, Receiver } from '../support/receiver.js';

// A process of its own takes a while to start.
jest.setTimeout(120_000);

const SETTINGS = { WEBHOOK_ALLOWED_CIDRS: '127.0.0.0/8' };

const workOnce = (settings = {}): Promise<string> => runCommand('work-once', { ...SETTINGS, ...settings });

let api: TestApp;
beforeAll(async () => (api = await startApp({ settings: { ...SETTINGS, PROCESS_ROLE: 'api' } })));

const waiting = async (topic: string): Promise<number> =>
  (await api.sql(`SELECT count(*)::int FROM outbox WHERE status = 'pending' AND topic = $1`, [topic]))[0].count;

describe('npm run work:once', () => {
  it('does all that is due, and what that makes due, and ends', async () => {
    const [ada, admin] = [await api.signUp(), await api.tenantAdmin()];
    const receiver = await Receiver.start();
    await endpointAt(admin, receiver.url());
    const { id } = await paid(ada, { payment_method: 'pm_sim_processing_succeeds' });
    await api.sql('UPDATE simulator.charges SET settles_at = now()');
    expect(api.inbox.list()).toEqual([]);
    await workOnce();

    expect(api.inbox.list().map(({ to }) => to)).toContainEqual([ada.user.email]);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded' });
    expect(receiver.got.map(({ event }) => event.type)).toEqual(
      expect.arrayContaining(['payment.created', 'payment.succeeded']),
    );
    expect(await Promise.all(['mail', 'webhooks', 'payments'].map(waiting))).toEqual([0, 0, 0]);
  });

  it('leaves to the next one what fails, which loses nothing', async () => {
    const server = await MailServer.start();
    server.refuses = 451;
    const { user } = await api.signUp();
    await workOnce({ SMTP_URL: server.url });
    expect(await waiting('mail')).toBeGreaterThan(0);

    server.refuses = null;
    await workOnce({ SMTP_URL: server.url });
    expect(await waiting('mail')).toBe(0);
    expect(server.taken.filter(({ to }) => to.includes(user.email))).toHaveLength(1);
  });

  it('does nothing twice when two are started at once', async () => {
    const { user } = await api.signUp();
    await Promise.all([workOnce(), workOnce()]);

    expect(api.inbox.list().filter(({ to }) => to.includes(user.email))).toHaveLength(1);
  });
});
