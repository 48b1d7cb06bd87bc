import { startApp, type TestApp } from '../support/app.js';

let app: TestApp;
beforeAll(
  async () =>
    (app = await startApp({ settings: { APP_NAME: 'Omni <b>& "Sons"', PUBLIC_URL: 'https://example.com/below/' } })),
);

const PAGES = ['verify-email', 'reset-password', 'invitation', 'export'];

describe.each(PAGES)('GET /account/%s', (page) => {
  it('is a page that loads nothing from elsewhere, tells nobody where it leads, and is kept nowhere', async () => {
    const { status, headers } = await app.send('GET', `~/account/${page}`);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('content-security-policy')?.split('; ').toSorted()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('set-cookie')).toBeNull();
  });

  it('brings no script or style within it, and shows our name as it is', async () => {
    const { text } = await app.send('GET', `~/account/${page}`);

    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|style=|\son\w+=|javascript:/);
    expect(text).toContain('Omni &lt;b&gt;&amp; &quot;Sons&quot;');
    expect(text).toContain('<html lang="en">');
    expect(text).toContain('width=device-width');
    expect(text).toContain('This page needs JavaScript');
  });

  it('finds its script, its sheet and the API where PUBLIC_URL says that people reach us', async () => {
    const { text } = await app.send('GET', `~/account/${page}`);
    const places = [...text.matchAll(/(?:src|href|data-url)="([^"]*)"/g)].map(([, place]) => place);

    expect(places).toHaveLength(3);
    for (const place of places) expect(place).toMatch(/^\/below\/(account\/page\.(js|css)|api\/v1\/\w+(\/\w+)*)$/);
  });
});

describe('what the pages load', () => {
  it.each([
    ['page.js', 'text/javascript; charset=utf-8'],
    ['page.css', 'text/css; charset=utf-8'],
  ])('%s says what it is, and nothing may sniff', async (file, type) => {
    const { status, headers } = await app.send('GET', `~/account/${file}`);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe(type);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('in every mode', () => {
  it.each([{ RUN_AS_INTERNAL: '1', TRUSTED_PROXY_CIDRS: '127.0.0.0/8' }, { OMNI_MINIMAL: '1' }])(
    'the pages are there: %j',
    async (settings) => {
      const other = await startApp({ settings });

      for (const page of PAGES) expect((await other.send('GET', `~/account/${page}`)).status).toBe(200);
      expect((await other.send('GET', '~/account/elsewhere')).body).toMatchObject({ status: 404, code: 'not_found' });
      await other.close();
    },
  );
});
