import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cleanUp } from './clean-up.js';

const TESTS = join(__dirname, '..');
const SHARES = readdirSync(join(TESTS, 'shares'));

const MOST_MS = 10 * 60_000;

/** Runs the longest, and by itself. */
const ALONE = ['fuzz.e2e.ts'];

/**
 * Defines the tests of one share of a folder, file by file. The application's modules are loaded, and compiled, once for
 * all of them, which is half of what a file costs by itself; each file has its own database and its own apps.
 * @param number - from 1 on.
 */
export function share(folder: 'e2e' | 'long', number: number): void {
  const shares = SHARES.filter((name) => name.startsWith(`${folder}.`)).length;
  const files = readdirSync(join(TESTS, folder)).filter((name) => name.endsWith('.e2e.ts') && !ALONE.includes(name));
  const [begin, end] = [number - 1, number].map((count) => Math.round((files.length * count) / shares));
  // Neighbours by name have much in common.
  for (const file of files.toSorted().slice(begin, end)) {
    describe(basename(file, '.e2e.ts'), () => {
      afterAll(cleanUp);
      require(join(TESTS, folder, file));
    });
  }
  // What the last file has set holds for all of them: here it is only to end what hangs.
  jest.setTimeout(MOST_MS);
}
