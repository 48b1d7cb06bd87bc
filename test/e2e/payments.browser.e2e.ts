import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { startApp, type TestApp } from '../support/app.js';
import { describeInBrowser, pictures, startBrowser } from '../support/browser.js';
import type { Client } from '../support/client.js';
import { paid, untilStatus } from '../support/payments.js';

jest.setTimeout(60_000);

describeInBrowser('the page of the simulated bank', () => {
  let app: TestApp;
  let ada: Client;
  let browser: Browser;
  beforeAll(async () => {
    app = await startApp();
    ada = await app.signUp();
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  /** Of a payment that waits for its payer, as a phone shows it. */
  async function open(changes: object) {
    const payment = await paid(ada, { payment_method: 'pm_sim_3ds_required', ...changes });
    const page = await browser.newPage({ viewport: { width: 360, height: 640 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    // PUBLIC_URL names the port that an operator would have chosen.
    await page.goto(payment.next_action.url.replace(app.settings.PUBLIC_URL, app.url));
    return { payment, page, complaints };
  }

  it('finishes a payment when the payer agrees, and goes on by a click alone', async () => {
    const { payment, page, complaints } = await open({ return_url: `${app.url}/health/live` });
    expect(new URL(page.url()).hash).toBe('');
    expect(await page.getByRole('link', { name: 'Go on' }).isVisible()).toBe(false);
    await page.screenshot({ path: join(pictures, 'bank.asked.png') });
    await page.getByRole('button', { name: 'I agree' }).click();
    await page.getByRole('link', { name: 'Go on' }).waitFor();
    await page.screenshot({ path: join(pictures, 'bank.agreed.png') });
    await untilStatus(ada, payment.id, 'succeeded');
    await page.getByRole('link', { name: 'Go on' }).click();
    await page.waitForURL(`${app.url}/health/live`);

    expect(complaints).toEqual([]);
  });

  it('lets a payment wait for another method when the payer does not agree', async () => {
    const { payment, page } = await open({});
    await page.getByRole('button', { name: 'It was not me' }).click();
    await page.getByText('You have not agreed.').waitFor();

    expect(await untilStatus(ada, payment.id, 'requires_payment_method')).toMatchObject({
      last_error: { code: 'authentication_failed' },
    });
    expect(await page.getByRole('link', { name: 'Go on' }).isVisible()).toBe(false);
  });
});
