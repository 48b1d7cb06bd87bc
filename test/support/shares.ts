import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { clear } from './app.js';

const FOLDER = join(__dirname, '../e2e');
const SHARES = readdirSync(join(__dirname, '../shares')).length;

/** Runs the longest, and by itself. */
const ALONE = ['fuzz.e2e.ts'];

/**
 * Defines the tests of one share of test/e2e, file by file. The application's modules are loaded, and compiled, once for
 * all of them, which is half of what a file costs by itself; each file has its own database and its own apps.
 * @param number - from 1 on.
 */
export function share(number: number): void {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.e2e.ts') && !ALONE.includes(name));
  const size = Math.ceil(files.length / SHARES);
  // Neighbours by name have much in common.
  for (const file of files.toSorted().slice((number - 1) * size, number * size)) {
    describe(basename(file, '.e2e.ts'), () => {
      // Before the file's own, so that an app that a test forgot leaves no handle behind.
      afterAll(clear);
      require(join(FOLDER, file));
    });
  }
}
