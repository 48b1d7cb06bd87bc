import { startApp, type TestApp } from './app.js';
import type { Account, Answer } from './client.js';
import { startProcess } from './process.js';
import { sharedStage, type TestSettings } from './stage.js';

/** Of those that must not undo by themselves what another one is to undo. */
export const RARELY = { user_writes_ms: 600_000 };

export const inMongo = async (): Promise<TestSettings> => ({ MONGODB_URL: (await sharedStage()).database.mongoUrl! });

export const start = async (timings = RARELY): Promise<TestApp> => startApp({ settings: await inMongo(), timings });

export const doomed = async (die_at: string) =>
  startProcess({ die_at, settings: { ...(await inMongo()), PROCESS_ROLE: 'api' }, timings: RARELY });

export const pending = (app: TestApp): Promise<unknown[]> => app.sql('SELECT 1 FROM user_writes');

export const logIn = ({ send }: TestApp, { email, password }: Account): Promise<Answer> =>
  send('POST', '/auth/login', { body: { email, password } });

/** Has a process die in the middle of a request. */
export async function dies(point: string, ask: (send: TestApp['send']) => Promise<unknown>): Promise<void> {
  const process = await doomed(point);
  await expect(ask(process.send)).rejects.toThrow();
  expect((await process.exit).signal).toBe('SIGKILL');
}
