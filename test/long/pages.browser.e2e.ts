import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startApp, type TestApp } from '../support/app.js';
import { describeInBrowser, PATIENCE_MS, pictures, startBrowser } from '../support/browser.js';
import { succeed } from '../support/client.js';
import { linkTo } from '../support/links.js';

jest.setTimeout(300_000);

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1_280, height: 900 };

describeInBrowser('the pages behind the links, in a browser', () => {
  let app: TestApp;
  let browser: Browser;
  /** What the pages complained about, and what they asked of anybody but this server. */
  const complaints: string[] = [];
  const asked: string[] = [];

  beforeAll(async () => {
    app = await startApp();
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  /** A mailed link leads to PUBLIC_URL, which is no place under test. */
  const here = ({ pathname, hash }: Pick<URL, 'pathname' | 'hash'>): string => app.url + pathname + hash;

  async function open(link: Pick<URL, 'pathname' | 'hash'>, viewport = DESKTOP, dark = false): Promise<Page> {
    const page = await browser.newPage({ viewport, colorScheme: dark ? 'dark' : 'light', acceptDownloads: true });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => {
      // That an answer was a failure, the browser says of itself.
      if (['error', 'warning'].includes(message.type()) && !/Failed to load resource/.test(message.text())) {
        complaints.push(message.text());
      }
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(here(link));
    return page;
  }

  const picture = (page: Page, name: string) =>
    page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  const resultOf = (page: Page) => page.getByRole('status');
  const at = (name: string) => ({ pathname: `/account/${name}`, hash: `#token=${'A'.repeat(43)}` });

  it('from the mail’s link to a fresh login: a new password is set (by keyboard alone)', async () => {
    const ada = await app.signUp();
    succeed(await app.send('POST', '/auth/password/forgot', { body: { email: ada.email } }));
    const page = await open(await linkTo(app, ada.email, 'Reset your password'));
    await picture(page, 'reset-password');
    const focused = () => page.evaluate('document.activeElement.id || document.activeElement.textContent');

    await page.keyboard.press('Tab');
    expect(await focused()).toBe('password');
    await page.keyboard.type('iloveyou');
    await page.keyboard.press('Enter');
    await page.getByText('Too many people would guess this password').waitFor();
    expect(await focused()).toBe('password');
    expect(await page.locator('#password').getAttribute('aria-invalid')).toBe('true');
    await picture(page, 'reset-password.refused');

    await page.keyboard.press('Control+A');
    await page.keyboard.type('a newer long passphrase');
    await page.keyboard.press('Enter');
    await page.getByText('Your new password is set').waitFor();
    expect(await focused()).toBe('title');
    expect(await page.locator('form').isVisible()).toBe(false);
    await picture(page, 'reset-password.done');

    await expect(app.logIn({ email: ada.email, password: 'a newer long passphrase' })).resolves.toBeDefined();
    await page.close();
  });

  it('an address is verified', async () => {
    const ada = await app.signUp();
    const page = await open(await linkTo(app, ada.email, 'Welcome!'), PHONE);
    await picture(page, 'verify-email.phone');
    await page.getByRole('button', { name: 'Verify this address' }).click();
    await page.getByText('Your e-mail address is verified').waitFor();
    await picture(page, 'verify-email.done.phone');

    expect((await ada.get('/users/me')).body.email_verified).toBe(true);
    await page.close();
  });

  it('the token leaves the address bar at once, and is in no address that the page asks for (SEC-61)', async () => {
    const ada = await app.signUp();
    const link = await linkTo(app, ada.email, 'Welcome!');
    const page = await open(link);

    expect(page.url()).toBe(`${app.url}/account/verify-email`);
    await page.getByRole('button').click();
    await page.getByText('Your e-mail address is verified').waitFor();
    const token = link.hash.replace('#token=', '');
    const sent = asked.filter((url) => !url.includes('#')).join('\n');
    expect(sent).toContain('/api/v1/auth/email/verify');
    expect(sent).not.toContain(token);
    await page.close();
  });

  it('a link that is used up, and one that is none, are told in words', async () => {
    const used = await open(at('verify-email'));
    await used.getByRole('button').click();
    await used.getByText('This link is not valid any more').waitFor();
    await picture(used, 'verify-email.used');
    expect(await used.locator('form').isVisible()).toBe(false);
    await used.close();

    const bare = await open({ pathname: '/account/reset-password', hash: '' });
    expect(await resultOf(bare).textContent()).toContain('open this page by the link in the mail');
    expect(await bare.locator('form').isVisible()).toBe(false);
    await bare.close();
  });

  it('a limit and a server that is away are told in words, and the form stays', async () => {
    const page = await open(at('reset-password'));
    await page.locator('#password').fill('a newer long passphrase');
    await page.route('**/auth/password/reset', (route) =>
      route.fulfill({ status: 429, headers: { 'retry-after': '130' }, json: { code: 'rate_limited' } }),
    );
    await page.getByRole('button').click();
    await page.getByText('Please try again in 3 minutes').waitFor();
    await page.unroute('**/auth/password/reset');
    await page.route('**/auth/password/reset', (route) => route.abort());
    await page.getByRole('button').click();
    await page.getByText('The server cannot be reached').waitFor();

    expect(await page.locator('#password').inputValue()).toBe('a newer long passphrase');
    await page.close();
  });

  it('an export is offered as a file', async () => {
    const page = await open(at('export'), PHONE, true);
    await page.route('**/exports/download', (route) => route.fulfill({ json: { account: { id: 1 } } }));
    await picture(page, 'export.phone.dark');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button').click()]);
    await page.getByText('The file is among your downloads').waitFor();

    expect(download.suggestedFilename()).toBe('my-data.json');
    await page.close();
  });

  it('an invitation is accepted with what was filled in, and a taken username stands at its field', async () => {
    const page = await open(at('invitation'), PHONE, true);
    const bodies: unknown[] = [];
    let taken = true;
    await page.route('**/invitations/accept', (route) => {
      bodies.push(route.request().postDataJSON());
      if (taken) return route.fulfill({ status: 409, json: { code: 'username_taken' } });
      return route.fulfill({ status: 201, json: {} });
    });
    await page.getByLabel('Full name').fill('Ada Lovelace');
    await page.getByLabel('Username').fill('ada');
    await page.locator('#password').fill('a good long passphrase');
    await page.getByLabel('Show the password').check();
    expect(await page.locator('#password').getAttribute('type')).toBe('text');
    await page.getByRole('button').click();
    await page.getByText('Somebody else has this username').waitFor();
    await picture(page, 'invitation.phone.dark');
    taken = false;
    await page.getByLabel('Username').fill('');
    await page.getByRole('button').click();
    await page.getByText('Your account is ready').waitFor();

    const filled = { token: 'A'.repeat(43), full_name: 'Ada Lovelace', password: 'a good long passphrase' };
    expect(bodies).toEqual([{ ...filled, username: 'ada' }, filled]);
    await page.close();
  });

  it.each(['verify-email', 'reset-password', 'invitation', 'export'])(
    '%s fits a narrow phone, and says without scripts what it needs',
    async (name) => {
      const page = await open(at(name), { width: 320, height: 640 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
      await page.close();

      const context = await browser.newContext({ javaScriptEnabled: false });
      const plain = await context.newPage();
      plain.setDefaultTimeout(PATIENCE_MS);
      await plain.goto(here(at(name)));
      await plain.getByText('This page needs JavaScript').waitFor();
      expect(await plain.locator('form').isVisible()).toBe(false);
      await context.close();
    },
  );

  it('no page complains, and none asks anybody but this server', () => {
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(`${app.url}/`) && !url.startsWith('blob:'))).toEqual([]);
  });
});
