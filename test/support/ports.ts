import { isFree } from '../../src/dev/processes.js';

/** Below what systems take for connections that go out: nobody is given one of these by chance before it is used. */
const [FIRST, MANY] = [20_000, 2_000];

/** Of Jest's workers each has its own, and runs beside each other hardly begin at the same one. */
const begin = FIRST + ((Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % 5) * MANY;
let given = Math.floor(Math.random() * MANY);

/** A port for who cannot be told to take any, or comes back to it: nobody listens there, and no other caller is given it. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MANY; tries++) {
    const port = begin + (given++ % MANY);
    if (await isFree(port, '127.0.0.1')) return port;
  }
  throw new Error(`No port from ${begin} on is free`);
}
