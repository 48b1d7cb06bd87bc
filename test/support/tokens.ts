import { insertUsers } from './accounts.js';
import type { TestApp } from './app.js';
import { succeed, type Account, type Answer } from './client.js';
import { conforming } from './conformance.js';

/** What a login or a refresh gives. */
export interface TokenPair {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly refresh_expires_in: number;
}

/** A login's answer; of a new user where nobody is named. */
export async function openSession(app: TestApp, account?: Account): Promise<TokenPair> {
  const { email, password } = account ?? (await insertUsers(app, [{}]))[0]!;
  return succeed(await app.send('POST', '/auth/login', { body: { email, password } })) as TokenPair;
}

/** What is answered is held against the document. */
export const refresh = (app: TestApp, refresh_token: string): Promise<Answer> =>
  conforming(app.send)('POST', '/auth/refresh', { body: { refresh_token } });

/** A refresh that must succeed. */
export const refreshed = async (
  app: TestApp,
  { refresh_token }: Pick<TokenPair, 'refresh_token'>,
): Promise<TokenPair> => succeed(await refresh(app, refresh_token)) as TokenPair;

/** Which session a token is of. */
export const sessionIdOf = ({ access_token }: Pick<TokenPair, 'access_token'>): string =>
  (JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()) as { sid: string }).sid;

/** Whether an access token is worth anything. */
export const isIn = async (app: TestApp, { access_token }: Pick<TokenPair, 'access_token'>): Promise<boolean> =>
  (await app.send('GET', '/users/me', { token: access_token })).status === 200;
