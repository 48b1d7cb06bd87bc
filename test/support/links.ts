import type { Mail } from '../../src/dev/inbox.js';
import type { TestApp } from './app.js';
import { eventually } from './eventually.js';

/** The link of a mail, as a person would copy it. */
export function linkIn({ text }: Pick<Mail, 'text'>): URL {
  const [link] = /https?:\/\/\S+/.exec(text ?? '') ?? [];
  if (!link) throw new Error('The mail holds no link');
  return new URL(link);
}

export const tokenOf = ({ hash }: URL): string => new URLSearchParams(hash.slice(1)).get('token') ?? '';

/** All mails to an address, the newest first. */
export const mailsTo = (app: TestApp, address: string, subject?: string): Mail[] =>
  app.inbox.list().filter((mail) => mail.to.includes(address) && (!subject || mail.subject === subject));

/** The link of the `count`th mail of this kind to the address, when that has arrived. */
export async function linkTo(app: TestApp, address: string, subject: string, count = 1): Promise<URL> {
  const mails = await eventually(() => {
    const arrived = mailsTo(app, address, subject);
    return arrived.length >= count && arrived;
  });
  return linkIn(mails[mails.length - count]!);
}

/** The token that `count` requests for a new password have brought. */
export async function resetToken(app: TestApp, email: string, count = 1): Promise<string> {
  const { status } = await app.send('POST', '/auth/password/forgot', { body: { email } });
  if (status !== 202) throw new Error(`Answered ${status}`);
  return tokenOf(await linkTo(app, email, 'Reset your password', count));
}

/** When every request for a link has been looked into, and every mail has left. */
export const settled = (app: TestApp): Promise<unknown> =>
  eventually(async () => (await app.sql(`SELECT 1 FROM outbox WHERE status = 'pending'`)).length === 0);
