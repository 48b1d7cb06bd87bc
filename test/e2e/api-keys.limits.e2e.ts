import { newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { newKey, verifiedMember } from '../support/keys.js';
import { BEHIND_GATEWAY, passed, PATIENT, someAddress, times } from '../support/visitors.js';

const LIMIT = 10;
const settings = { ...BEHIND_GATEWAY, RATE_LIMIT_PER_MINUTE: `${LIMIT}` };

async function makeKey(app: TestApp): Promise<string> {
  return (await newKey(await verifiedMember(app, await newTenant(app), 'admin'))).key;
}

const ask = (app: TestApp, address: string, key?: string): Promise<Answer> =>
  app.send('GET', '/users', {
    headers: { 'x-forwarded-for': address, ...(key && { authorization: `Bearer ${key}` }) },
  });

describe('the general limit', () => {
  let app: TestApp;
  beforeAll(async () => (app = await startApp({ settings, timings: PATIENT })));

  it('counts a key for itself once it was seen valid, wherever it comes from', async () => {
    const [key, home] = [await makeKey(app), someAddress()];
    expect((await ask(app, home, key)).status).toBe(200);

    // What is left of the address, whose first request was the key's.
    expect(passed(await times(LIMIT, () => ask(app, home)))).toBe(LIMIT - 1);
    expect(passed(await times(LIMIT, (at) => ask(app, at % 2 ? home : someAddress(), key)))).toBe(LIMIT);
    expect((await ask(app, someAddress(), key)).status).toBe(429);
  });

  it('counts what is no key, or none any more, for its address', async () => {
    const [key, home] = [await makeKey(app), someAddress()];
    const forged = `${key.slice(0, -1)}${key.endsWith('A') ? 'E' : 'A'}`;
    expect(passed(await times(LIMIT + 5, () => ask(app, home, forged)))).toBe(LIMIT);

    const other = someAddress();
    await ask(app, other, key);
    await app.sql('DELETE FROM api_keys');
    // The first one is still counted for the key, and finds it gone.
    expect((await ask(app, other, key)).status).toBe(401);
    expect(passed(await times(LIMIT + 5, () => ask(app, other, key)))).toBe(LIMIT - 1);
  });
});

it('remembers a key for a minute after it was seen, and no longer', async () => {
  const app = await startApp({ settings, timings: { ...PATIENT, key_seen_ms: 0 } });
  const [key, home] = [await makeKey(app), someAddress()];

  expect(passed(await times(LIMIT + 5, () => ask(app, home, key)))).toBe(LIMIT);
});
