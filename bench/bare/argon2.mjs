// Argon2id and nothing else, at the application's cost and as many at once as the application hashes: what a login or a
// sign-up cannot do without.
import { availableParallelism } from 'node:os';
import { Algorithm, hash, verify } from '@node-rs/argon2';

const COST = { algorithm: Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const PASSWORD = 'a good long passphrase';
const known = await hash(PASSWORD, COST);
const WORKS = { hash: () => hash(PASSWORD, COST), verify: () => verify(known, PASSWORD) };

const measure = async (/** @type {any} */ { work, seconds }) => {
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  let count = 0;
  const loop = async () => {
    for (; performance.now() < end; count++) await WORKS[/** @type {keyof typeof WORKS} */ (work)]();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, loop));
  process.send?.({ rate: count / ((performance.now() - begun) / 1_000) });
};
process.on('message', (message) => void measure(message));
process.send?.({ ready: true });
process.on('disconnect', () => process.exit());
