import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { startApp } from '../support/app.js';
import { describeInBrowser, pictures, startBrowser } from '../support/browser.js';
import { engines } from '../support/engines.js';

const describeWithBoth = engines().redisUrl ? describeInBrowser : describe.skip;

describeWithBoth('the board of the queues in a browser', () => {
  let browser: Browser;
  beforeAll(async () => (browser = await startBrowser()));
  afterAll(() => browser?.close());

  it('shows the queues under its content security policy, and asks nobody else', async () => {
    const app = await startApp();
    const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } });
    const complaints: string[] = [];
    const elsewhere: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(app.opsUrl) && !request.url().startsWith('data:')) elsewhere.push(request.url());
    });
    await page.goto(`${app.opsUrl}/queues`);
    await page.getByText('recovery').first().waitFor();
    await page.screenshot({ path: join(pictures, 'queues.png') });

    expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
  });
});
