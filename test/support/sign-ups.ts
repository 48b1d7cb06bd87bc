import { someAccount, type TestApp } from './app.js';
import { eventually } from './eventually.js';

/** Hashing the passwords of so many takes a while, and more where many tests run. */
const LONG = { within: 120_000 };

/** An app of these gives nothing up because its machine is busy. */
export const UNHURRIED_MAIL = { hash_wait_ms: 60_000, smtp_timeout_ms: 40_000, outbox_lease_ms: 80_000 };

/** Signs people up, a few at a time, for as long as there are to be more. @returns their addresses. */
export async function signUpWhile(app: TestApp, more: (count: number) => boolean): Promise<string[]> {
  const addresses: string[] = [];
  const lane = async (): Promise<void> => {
    while (more(addresses.length)) {
      const account = someAccount();
      addresses.push(account.email);
      const { status } = await app.request('POST', '/users', { body: account });
      if (status !== 201) throw new Error(`A sign-up was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return addresses;
}

/** When nothing waits to be sent: to whom there are mails, each as often as there is one. */
export async function mailedTo(app: TestApp): Promise<string[]> {
  const waiting = `SELECT 1 FROM outbox WHERE status = 'pending'`;
  await eventually(async () => (await app.sql(waiting)).length === 0, LONG);
  return app.inbox
    .list()
    .flatMap(({ to }) => to)
    .toSorted();
}
