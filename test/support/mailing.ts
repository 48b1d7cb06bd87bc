import { someAccount, startApp, type AppOptions, type TestApp } from './app.js';
import { eventually } from './eventually.js';

/** Hashing the passwords of so many takes a while, and more where many tests run. */
export const LONG = { within: 180_000 };

/** An app that sees its own mails alone, and gives nothing up because this machine is busy. */
export const startMailing = ({ timings, ...options }: AppOptions): Promise<TestApp> =>
  startApp({
    database: 'own',
    timings: { hash_wait_ms: 60_000, smtp_timeout_ms: 40_000, outbox_lease_ms: 80_000, ...timings },
    ...options,
  });

/** Signs up so many people at once. @returns their addresses. */
export async function signUpMany(app: TestApp, count: number): Promise<string[]> {
  const accounts = Array.from({ length: count }, someAccount);
  const answers = [];
  // A few at a time: the others would wait too long for their passwords to be hashed.
  for (let begin = 0; begin < count; begin += 20) {
    const some = accounts.slice(begin, begin + 20);
    answers.push(...(await Promise.all(some.map((body) => app.request('POST', '/users', { body })))));
  }
  expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
  return accounts.map(({ email }) => email);
}

export const outbox = (app: TestApp, status: string) =>
  app.sql<{ attempts: number; last_error: string | null }>(
    'SELECT attempts, last_error FROM outbox WHERE status = $1',
    [status],
  );

export const allSent = (app: TestApp) =>
  eventually(async () => (await outbox(app, 'pending')).length === 0 && (await outbox(app, 'dead')).length === 0, LONG);
