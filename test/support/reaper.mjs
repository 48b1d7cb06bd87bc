// Clears up after a test run, however it ends: its standard input closes when the run's process is gone.
// Each line that it reads is a JSON array: ["process", pid] to end, or ["folder", path] to delete.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

const pids = [];
const folders = [];
for await (const line of createInterface(process.stdin)) {
  const [kind, what] = JSON.parse(line);
  (kind === 'process' ? pids : folders).push(what);
}

/**
 * QUIT ends PostgreSQL at once, and it still gives its shared memory back.
 * @returns whether there was anybody to hear it.
 */
function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

for (let tries = 0; tries < 100; tries++) {
  const alive = pids.filter((pid) => send(pid, tries < 60 ? 'SIGQUIT' : 'SIGKILL'));
  if (alive.length === 0) break;
  await setTimeout(50);
}
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
