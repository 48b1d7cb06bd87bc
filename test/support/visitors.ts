import type { Timings } from '../../src/config/timings.js';
import type { Answer, Send } from './client.js';
import type { TestSettings } from './stage.js';

/** Behind a gateway on this machine, so that a test can come from wherever it likes. */
export const BEHIND_GATEWAY: TestSettings = {
  RUN_AS_INTERNAL: '1',
  TRUSTED_PROXY_CIDRS: '127.0.0.0/8',
  PROCESS_ROLE: 'api',
};
/** On a machine that is busy Redis is slow, which is no reason to count without it. */
export const PATIENT: Partial<Timings> = { probe_ms: 15_000 };

let addresses = 0;
/** Where nobody has come from before. */
export function someAddress(): string {
  addresses += 1;
  return `10.1.${addresses >> 8}.${addresses & 255}`;
}

/** One request from this address. */
export const askOn = (
  on: { send: Send },
  address = someAddress(),
  headers: Record<string, string> = {},
): Promise<Answer> => on.send('GET', '/users/me', { headers: { 'x-forwarded-for': address, ...headers } });

export const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

export const passed = (answers: readonly Answer[]): number => answers.filter(({ status }) => status !== 429).length;
