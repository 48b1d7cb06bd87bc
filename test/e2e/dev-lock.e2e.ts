import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { AlreadyRunningError, lock } from '../../src/dev/lock.js';

const BUILT = pathToFileURL(join(__dirname, '../../dist/src/dev/lock.js')).href;
const SCRIPT = `
  const { lock } = await import(process.argv[1]);
  await lock(process.argv[2]);
  console.log('locked');
  process.on('message', () => process.disconnect());
  setInterval(() => undefined, 1_000);
`;

let directory: string;
const holders: ChildProcess[] = [];
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'omni-lock-'))));
afterEach(() => {
  for (const holder of holders.splice(0)) holder.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

/** Another process that has the lock by the time that this returns. */
async function startHolder(): Promise<ChildProcess> {
  const args = ['--input-type=module', '-e', SCRIPT, BUILT, directory];
  const holder = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  holders.push(holder);
  await once(holder.stdout!, 'data');
  return holder;
}

async function end(holder: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  holder.kill(signal);
  await once(holder, 'exit');
}

describe('the lock on DATA_DIR', () => {
  it('refuses a second process, and names the first one', async () => {
    const holder = await startHolder();

    const refusal = await lock(directory).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(AlreadyRunningError);
    expect(refusal).toMatchObject({ pid: holder.pid });
    expect((refusal as Error).message).toContain(`(pid ${holder.pid})`);
  });

  it('refuses a second start in the same process', async () => {
    const held = await lock(directory);

    await expect(lock(directory)).rejects.toMatchObject({ pid: process.pid });
    await held.release();
  });

  it('is free as soon as its holder is killed, whatever the pid file says', async () => {
    await end(await startHolder(), 'SIGKILL');
    writeFileSync(join(directory, 'pid'), String(process.pid));

    await (await lock(directory)).release();
  });

  it('names a holder that is stopped and cannot answer', async () => {
    const holder = await startHolder();
    holder.kill('SIGSTOP');

    await expect(lock(directory)).rejects.toMatchObject({ pid: holder.pid });
  });

  it('waits for a holder whose starter is gone, since it is about to end', async () => {
    const holder = await startHolder();
    holder.send('leave');
    await once(holder, 'disconnect');

    const waiting = lock(directory);
    // A refusal takes a few milliseconds.
    await expect(Promise.race([waiting, setTimeout(200, 'waiting')])).resolves.toBe('waiting');
    await end(holder, 'SIGTERM');
    await (await waiting).release();
  });

  it('goes to one of two that want it at once', async () => {
    const results = await Promise.allSettled([lock(directory), lock(directory)]);
    const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));

    expect(held).toHaveLength(1);
    await held[0]!.release();
  });

  it('is free again once it was released', async () => {
    await (await lock(directory)).release();
    await (await lock(directory)).release();
  });
});
