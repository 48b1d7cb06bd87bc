// Commands that take long: begun in the background, with what they print in a file.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { exitStatusOf } from './application.mjs';
import { ROOT } from './bootstrap.mjs';

/** Where they leave what they found; git does not look there. */
export const FOLDER = join(ROOT, '.faults');

/**
 * Runs test files by themselves, which outlive this process unless it waits.
 * @param {string} files - where they are, as Jest is told.
 * @param {{ command: string, env: Record<string, string>, wait: boolean | undefined, log: string }} options
 * @returns {Promise<number | null>} the exit status; null where nobody waits for it.
 */
export async function runTests(files, { command, env, wait, log }) {
  mkdirSync(FOLDER, { recursive: true });
  const output = openSync(log, 'a');
  const args = ['bin/test.mjs', files, '--maxWorkers=1', '--selectProjects', 'faults'];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', output, output],
  });
  console.log(`Runs as ${child.pid}; ${command} -- --status tells how far. Log: ${log}`);
  if (wait) return exitStatusOf(child);
  child.unref();
  return null;
}
