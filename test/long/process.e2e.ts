import { Client } from 'pg';
import { startApp } from '../support/app.js';
import { TestDatabase } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startShipped } from '../support/shipped.js';
import { times } from '../support/visitors.js';

jest.setTimeout(120_000);

/** Breaks, or blocks, when it is told to from outside: no route of ours does. */
const preload = (what: string): string => `process.on('SIGUSR2', () => { ${what} });`;
const BLOCK = `const until = Date.now() + 3000; while (Date.now() < until);`;

const logged = (lines: readonly string[], level: string) =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((one) => one['level'] === level);

describe('what nobody caught (R15)', () => {
  it.each([
    ['a promise that is rejected', `Promise.reject(new Error('of ada@example.com'))`],
    ['an error', `setImmediate(() => { throw new Error('of ada@example.com') })`],
    ['what is no error', `setImmediate(() => { throw 'of ada@example.com' })`],
  ])('ends the process, told, after what is under way: %s', async (_, what) => {
    const app = await startShipped({ preload: preload(what) });
    const account = { email: 'ada@example.com', password: 'Password123', full_name: 'Ada Lovelace' };
    // A password takes a while to be hashed.
    const underWay = app.send('POST', '/users', { body: account });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await app.end('SIGUSR2')).toBe(1);

    expect([201, 409]).toContain((await underWay).status);
    const told = logged(app.lines, 'fatal');
    expect(told).toHaveLength(1);
    expect(app.lines.join('\n')).toContain('sys_shutdown');
    expect(JSON.stringify(told) + app.stderr).not.toContain('ada@example.com');
  });

  it('a loop that is blocked for a while loses no request', async () => {
    const app = await startShipped({ preload: preload(BLOCK) });
    process.kill(app.pid, 'SIGUSR2');
    const answers = await times(20, () => app.send('GET', '~/health/live'));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(await app.end()).toBe(0);
  });
});

describe('500 requests, while every statement waits (R16)', () => {
  it('are told soon that they had better come again, the process lives and is not ready, and all is well afterwards', async () => {
    const database = await TestDatabase.create();
    const app = await startApp({ database, timings: { pool_wait_ms: 1_000, statement_ms: 4_000 } });
    const ada = await app.signUp();
    const blocker = new Client({ connectionString: database.url('superuser') });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE');

    const asking = times(500, () => ada.get('/users/me'));
    await eventually(async () => (await app.send('GET', '~/health/ready')).status === 503, { within: 20_000 });
    expect((await app.send('GET', '~/health/live')).status).toBe(200);
    const answers = await asking;
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.code}`))).toEqual(new Set(['503 unavailable']));
    expect(answers.every(({ headers }) => Number(headers.get('retry-after')) > 0)).toBe(true);

    await blocker.end();
    await eventually(async () => (await app.send('GET', '~/health/ready')).status === 200, { within: 20_000 });
    expect((await ada.get('/users/me')).status).toBe(200);
    await app.close();
  });
});
