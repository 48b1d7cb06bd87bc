import { insertUsers } from './accounts.js';
import { startApp, type TestApp } from './app.js';
import type { Account, Answer } from './client.js';
import { conforming } from './conformance.js';

export const FRONT_END = 'https://app.example.com';

/** One as on a developer's machine, and one as in production; both let the front end in. */
export const startForPages = (): Promise<[plain: TestApp, secure: TestApp]> =>
  Promise.all([
    startApp({ settings: { PUBLIC_URL: 'http://localhost:3000', CORS_ORIGINS: FRONT_END } }),
    startApp({ settings: { PUBLIC_URL: 'https://api.example.com/', CORS_ORIGINS: FRONT_END } }),
  ]);

/** A web page and its browser, as far as cookies go. */
export class WebPage {
  /** The one cookie that it keeps, as `name=value`. */
  cookie = '';
  access_token = '';

  constructor(
    readonly at: TestApp,
    readonly origin: string,
  ) {}

  async logIn({ email, password }: Account): Promise<Answer> {
    const answer = await this.post('/auth/login', { email, password, cookie: true });
    this.access_token = answer.body.access_token;
    return answer;
  }

  async refresh(): Promise<Answer> {
    const answer = await this.post('/auth/refresh');
    if (answer.status === 200) this.access_token = answer.body.access_token;
    return answer;
  }

  /** What is answered is held against the document. */
  async post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const own = { origin: this.origin, ...(this.cookie && { cookie: this.cookie }) };
    const answer = await conforming(this.at.send)('POST', path, { body, headers: { ...own, ...headers } });
    const [pair, ...attributes] = answer.headers.get('set-cookie')?.split('; ') ?? [];
    if (pair) this.cookie = attributes.includes('Max-Age=0') ? '' : pair;
    return answer;
  }

  async isIn(): Promise<boolean> {
    return (await this.at.send('GET', '/users/me', { token: this.access_token })).status === 200;
  }
}

/** A page whose user is signed in. */
export async function signedInPage(at: TestApp, origin = new URL(at.settings.PUBLIC_URL).origin): Promise<WebPage> {
  const [user] = await insertUsers(at, [{}]);
  const page = new WebPage(at, origin);
  await page.logIn(user!);
  return page;
}
