// One command at a time installs and builds; the others wait. What makes them wait dies with the process that holds it.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @template T
 * @param {string} folder what nobody else may work in meanwhile
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function exclusively(folder, work) {
  const release = await take(`omni-build-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function take(name) {
  if (process.platform === 'linux') return listen(`\0${name}`);
  if (process.platform === 'win32') return listen(`\\\\.\\pipe\\${name}`);
  // O_EXLOCK of macOS and the BSDs, which waits.
  const file = await open(join(tmpdir(), name), constants.O_RDWR | constants.O_CREAT | 0x20, 0o600);
  return () => file.close();
}

/** A socket without a file: the system knows its name as long as the process lives. */
async function listen(address) {
  for (let said = false; ; said = true) {
    const server = createServer().unref();
    const taken = await new Promise((resolve, reject) => {
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
      server.listen(address, () => resolve(true));
    });
    if (taken) return () => server.close();
    if (!said) process.stderr.write('Another command installs or builds: waiting for it\n');
    await sleep(200);
  }
}
