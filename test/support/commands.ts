import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rawSettings, sharedStage, type TestSettings } from './stage.js';

/**
 * Runs one of the shipped commands to its end, beside the file's apps.
 * @param entry - below src, without `.main.js`.
 * @returns what it has said. @throws where it fails.
 */
export async function runCommand(entry: string, settings: TestSettings = {}): Promise<string> {
  const raw = rawSettings(await sharedStage(), { LOG_LEVEL: 'info', ...settings });
  const file = join(import.meta.dirname, `../../dist/src/${entry}.main.js`);
  const run = promisify(execFile)(process.execPath, [file], { env: { PATH: process.env['PATH'], ...raw } });
  return (await run).stdout;
}
