import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { describeInBrowser, PATIENCE_MS, pictures, startBrowser } from '../support/browser.js';

jest.setTimeout(300_000);

describeInBrowser('Swagger UI in a browser', () => {
  let app: TestApp;
  let browser: Browser;
  let page: Page;
  /** What the page complained about, and what it asked of anybody but this server. */
  const complaints: string[] = [];
  const elsewhere: string[] = [];

  beforeAll(async () => {
    app = await startApp();
    browser = await startBrowser();
    page = await browser.newPage({ viewport: { width: 1_280, height: 1_000 } });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(app.url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
    });
    await page.goto(`${app.url}/docs`);
    await page.locator('.opblock-tag-section').first().waitFor();
  });
  afterAll(() => browser?.close());

  /** Opens an operation, has it sent, and gives back the status that the page shows. */
  async function tryOut(operation: string, body?: object): Promise<string> {
    const block = page.locator(`[id="${operation}"]`);
    await block.locator('.opblock-summary-control').click();
    await block.locator('button.try-out__btn').click();
    if (body) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
    await block.locator('button.execute').click();
    const status = await block.locator('.live-responses-table tbody .response-col_status').first().innerText();
    return status.trim();
  }

  it('loads under its content security policy, and asks nobody else', async () => {
    await page.screenshot({ path: join(pictures, 'docs.png'), fullPage: true });

    expect(await page.title()).toBe(app.settings.APP_NAME);
    expect(await page.locator('.opblock').count()).toBeGreaterThan(10);
    expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
  });

  it('signs somebody up: POST /users tried from the page answers 201', async () => {
    expect(await tryOut('operations-users-usersCreate', someAccount())).toBe('201');
    await page.locator('[id="operations-users-usersCreate"]').screenshot({ path: join(pictures, 'docs.created.png') });
  });

  it('authorizes: what is closed without a token is open with one', async () => {
    const { token, user } = await app.signUp();
    await page.locator('button.authorize').first().click();
    await page.locator('.modal-ux input').first().fill(token);
    await page.locator('.modal-ux button.authorize').first().click();
    await page.locator('.modal-ux button.btn-done').first().click();

    expect(await tryOut('operations-users-usersGetOwn')).toBe('200');
    expect(await page.locator('[id="operations-users-usersGetOwn"] .live-responses-table').innerText()).toContain(
      user.email,
    );
    expect(complaints).toEqual([]);
  });

  it('takes a payment down every path in two clicks: the example, and a fresh key each time', async () => {
    const block = page.locator('[id="operations-payments-paymentsCreate"]');
    expect(await tryOut('operations-payments-paymentsCreate')).toBe('201');
    await block
      .locator('.examples-select select')
      .first()
      .selectOption({ label: 'pm_sim_declined: Declined: generic_decline' });
    await block.locator('button.execute').click();
    const status = block.locator('.live-responses-table tbody .response-col_status').first();
    await status.filter({ hasText: '402' }).waitFor();
    await block.screenshot({ path: join(pictures, 'docs.declined.png') });

    expect(complaints.filter((complaint) => !/status of 402/.test(complaint))).toEqual([]);
  });
});
