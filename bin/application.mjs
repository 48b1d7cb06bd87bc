// Runs the built application as a child that ends when we do, however we end.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { ROOT } from './bootstrap.mjs';

const WINDOWS = process.platform === 'win32';
/** A terminal's Ctrl-C reaches npm and us, and npm passes it on to us: that is one wish, not two. */
const ECHO_MS = 500;

/**
 * Starts the application in a session of its own, so that a signal reaches it once, by us. It holds the other end of a
 * channel to us: when that closes, the application knows that we are gone, and ends in order.
 */
export function startApplication() {
  const args = ['--enable-source-maps', 'dist/src/main.js'];
  return spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: !WINDOWS,
  });
}

/** @returns {Promise<number>} the exit status, as a shell would tell it. */
export const exitStatusOf = (child) =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? 128 + (SIGNALS[signal] ?? 0))));

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/**
 * Calls `end` when somebody wants this command to end: by a signal, by closing the terminal, or by killing the npm that
 * started us, which cannot tell us any more.
 * @param {(signal: 'SIGINT' | 'SIGTERM') => void} end
 */
export function onEnd(end) {
  let last = -Infinity;
  const once = (signal) => {
    const now = performance.now();
    if (now - last > ECHO_MS) end(signal);
    last = now;
  };
  process.on('SIGINT', () => once('SIGINT'));
  process.on('SIGTERM', () => once('SIGTERM'));
  process.on('SIGHUP', () => once('SIGTERM'));
  if (!process.env.npm_lifecycle_event || WINDOWS) return;
  const npm = ancestry();
  const watch = setInterval(() => {
    if (ancestry() === npm) return;
    clearInterval(watch);
    once('SIGTERM');
  }, 250).unref();
}

/** Who started us: npm, or a shell that npm started, and then npm too, as far as the system tells. */
function ancestry() {
  const stat = `/proc/${process.ppid}/stat`;
  const [, name = '', grandparent] =
    /\((.*)\) \S+ (\d+)/s.exec(existsSync(stat) ? readFileSync(stat, 'utf8') : '') ?? [];
  return /^(ba|da|a)?sh$/.test(name) ? `${process.ppid} ${grandparent}` : `${process.ppid}`;
}
