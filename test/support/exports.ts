import type { TestApp } from './app.js';
import { succeed, type Answer, type Client } from './client.js';
import { conforming } from './conformance.js';
import { eventually } from './eventually.js';

const SUBJECT = 'Your data is ready';

/** The newest first. */
export const exportMails = (app: TestApp, { email }: Client) =>
  app.inbox.list().filter(({ to, subject }) => to.includes(email) && subject === SUBJECT);

/** Asks for an export, and waits for the mail. @returns the token in it. */
export async function exported(app: TestApp, user: Client): Promise<string> {
  const before = exportMails(app, user).length;
  succeed(await user.post('/users/me/export'));
  return nextToken(app, user, before);
}

/** The token in the mail that comes when there were so many. */
export async function nextToken(app: TestApp, user: Client, before = 0): Promise<string> {
  const mails = await eventually(() => exportMails(app, user).length > before && exportMails(app, user));
  return tokenIn(mails[0]!.text);
}

export const tokenIn = (text: string | null): string => /#token=([\w-]{43})\s/.exec(text ?? '')?.[1] ?? '';

export const download = (app: TestApp, token: string): Promise<Answer> =>
  conforming(app.send)('POST', '/exports/download', { body: { token } });

export const exportsOf = (app: TestApp, { user }: Client) =>
  app.sql('SELECT * FROM exports WHERE user_id = $1', [user.id]);
