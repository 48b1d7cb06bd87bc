// `npm run dev`: compiles whenever a source changes, and starts the application anew when that went well.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { exitStatusOf, onEnd, startApplication } from './application.mjs';
import { bootstrap, ROOT } from './bootstrap.mjs';

await bootstrap({ build: false });

const compiler = spawn(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--watch', '--preserveWatchOutput'],
  { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
);
let application = null;
let ending = false;
let turn = Promise.resolve();

/** One after the other: the next one needs the data and the ports of the one before. */
const restart = () => {
  turn = turn.then(async () => {
    await stop('SIGTERM');
    if (!ending) application = startApplication();
  });
};

async function stop(signal) {
  if (!application || application.exitCode !== null || application.signalCode !== null) return;
  const exited = exitStatusOf(application);
  application.kill(signal);
  await exited;
}

createInterface(compiler.stdout).on('line', (line) => {
  process.stdout.write(`${line}\n`);
  if (/Found 0 errors/.test(line)) restart();
});

onEnd((signal) => {
  ending = true;
  compiler.kill();
  turn = turn.then(() => stop(signal)).then(() => process.exit(0));
});
compiler.once('exit', () => ending || process.exit(1));
