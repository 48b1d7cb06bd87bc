import { someAccount, startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { MailServer } from '../support/mail-server.js';
import { brokenInvariants, paid, timesCharged, untilStatus } from '../support/payments.js';
import { startProcess, type TestProcess } from '../support/process.js';

const KILLS = 50;
const SIGN_UPS = 3;

jest.setTimeout(30 * 60_000);

let api: TestApp;
let ada: Client;
let server: MailServer;
beforeAll(async () => {
  api = await startApp({ settings: { PROCESS_ROLE: 'api' } });
  ada = await api.signUp();
  server = await MailServer.start();
});

const startWorker = (): Promise<TestProcess> =>
  startProcess({ settings: { PROCESS_ROLE: 'worker', SMTP_URL: server.url } });

/** Something to do for whoever works. @returns to whom a mail goes, and the payment. */
async function promise(): Promise<{ readonly emails: readonly string[]; readonly payment_id: string }> {
  const accounts = Array.from({ length: SIGN_UPS }, someAccount);
  const signUps = accounts.map((body) => api.send('POST', '/users', { body }));
  const { id } = await paid(ada, { payment_method: 'pm_sim_processing_succeeds' });
  for (const answer of await Promise.all(signUps)) succeed(answer);
  return { emails: accounts.map(({ email }) => email), payment_id: id };
}

describe('two workers on one Redis and one database', () => {
  it(`do everything once in effect, though one of them is killed ${KILLS} times`, async () => {
    await startWorker();
    const promised: Awaited<ReturnType<typeof promise>>[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = await startWorker();
      promised.push(await promise());
      // Some die at once, some in the middle of it, some after it.
      await new Promise((resolve) => setTimeout(resolve, (kill % 10) * 20));
      await victim.kill('SIGKILL');
    }
    await eventually(
      async () => {
        const [{ count }] = await api.sql(`SELECT count(*)::int FROM outbox WHERE status = 'pending'`);
        if (count > 0) throw new Error(`${count} rows wait`);
      },
      { within: 120_000 },
    );

    for (const { emails, payment_id } of promised) {
      for (const email of emails) {
        const mails = server.taken.filter(({ to }) => to.includes(email));
        // One that was killed between the server's word and ours may have sent it again: as the same mail.
        expect(new Set(mails.map(({ message_id }) => message_id)).size).toBe(1);
      }
      await untilStatus(ada, payment_id, 'succeeded');
      expect(await timesCharged(api, payment_id)).toBe(1);
    }
    const repeated = server.taken.length - new Set(server.taken.map(({ message_id }) => message_id)).size;
    process.stderr.write(`${KILLS} kills: ${server.taken.length} mails, ${repeated} of them a second time\n`);
    expect(repeated).toBeLessThanOrEqual(KILLS);
    expect(await brokenInvariants(api)).toEqual([]);
  });
});
