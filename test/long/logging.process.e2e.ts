import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { eventually } from '../support/eventually.js';
import { startShipped, type Shipped } from '../support/shipped.js';

const parsed = (app: Shipped): any[] => app.lines.map((line) => JSON.parse(line));

/** Asks so often on one connection, a hundred times at a time, and is answered each time. */
async function ask(app: Shipped, times: number): Promise<void> {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
  let answered = 0;
  let rest = '';
  socket.on('data', (chunk) => {
    const parts = (rest + String(chunk)).split('"status":"ok"');
    answered += parts.length - 1;
    rest = parts.at(-1)!;
  });
  for (let asked = 0; asked < times; asked += 100) {
    socket.write(request.repeat(100));
    await eventually(() => answered === asked + 100);
  }
  socket.destroy();
}

/** So many lines fit into no pipe and no buffer. */
const TOO_MANY = 8_000;

describe('the log of a process', () => {
  it('is JSON from the first line to the last, and tells of start and end whatever the level', async () => {
    const app = await startShipped({ settings: { LOG_LEVEL: 'fatal' } });
    expect(await app.end()).toBe(0);

    expect(parsed(app)).toMatchObject([
      { category: 'audit', action: 'sys_startup', env: 'production' },
      { category: 'audit', action: 'sys_shutdown' },
    ]);
    expect(app.stderr).toBe('');
  });

  it('L8: that nobody reads stops nothing; what was lost is told to who reads again', async () => {
    const app = await startShipped();
    app.stopReading('pause');
    await ask(app, TOO_MANY);
    app.readAgain();
    await eventually(async () => {
      await ask(app, 100);
      return app.lines.some((line) => line.includes('"dropped":'));
    });
    expect(parsed(app).find(({ dropped }) => dropped)).toMatchObject({ level: 'warn', dropped: expect.any(Number) });

    app.stopReading('pause');
    await ask(app, TOO_MANY);
    const ended = app.end();
    app.readAgain();
    expect(await ended).toBe(0);
  });

  it('L8: that is a broken pipe does not stop it', async () => {
    const app = await startShipped();
    app.stopReading('destroy');
    await ask(app, 200);
    expect(await app.end()).toBe(0);
    expect(app.stderr).toBe('');
  });

  it('L8: on a disk that is full does not stop it', async () => {
    const full = openSync('/dev/full', 'w');
    const app = await startShipped({ stdout: full });
    closeSync(full);
    await ask(app, 200);
    expect(await app.end()).toBe(0);
    expect(app.stderr).toBe('');
  });
});
