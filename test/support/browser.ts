import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { temporaryFolder } from './engines.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** A Chromium of this machine; with CI set one that is missing is a failure, and not a reason to leave tests out. */
const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

if (!program && !process.env['CI']) process.stderr.write('No Chromium on the PATH: tests in a browser are left out\n');

export const describeInBrowser = program || process.env['CI'] ? describe : describe.skip;

/** A busy machine takes long to show a page. */
export const PATIENCE_MS = 120_000;

/** Asks nobody but the server under test, and works as root too. Close it at the end. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: program,
    timeout: PATIENCE_MS,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** Where the pictures of this file's pages are put, for whoever wants to look: deleted with the run, unless it is told. */
export const pictures = process.env['TEST_PICTURES'] || temporaryFolder();
