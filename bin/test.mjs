// `npm test`: Jest, with nothing of the shell's own configuration in its way. What is missing is installed and built first.
//   npm test                    all that does not take minutes by itself
//   npm test -- --long          what does: crowds, races by the hundred, processes that die, stores that move, browsers, fuzz
//   npm test -- --unit          without engines
//   npm test -- --one-role      the application and the owner of the tables are one role of PostgreSQL
//   npm test -- --cluster       Redis as a cluster, behind sentinels and by TLS alone; all apps by way of PgBouncer
//   npm test -- --mongodb       the apps under test have their users in MongoDB
//   npm test -- --fuzz          the generated requests alone, many more of them
//   npm test -- payments -t I3  whatever else goes to Jest
import { spawn } from 'node:child_process';
import { exitStatusOf } from './application.mjs';
import { bootstrap, ROOT } from './bootstrap.mjs';

await bootstrap();

const OURS = ['--long', '--unit', '--one-role', '--mongodb', '--fuzz', '--cluster'];
const asked = process.argv.slice(2);
const args = ['node_modules/jest/bin/jest.js', '--config', 'test/jest.config.cjs'];
args.push(...asked.filter((argument) => !OURS.includes(argument)));
// Last, since Jest takes all that follows for names of projects.
if (asked.includes('--fuzz')) args.push('test/long/fuzz.e2e.ts');
if (isWhole() || asked.includes('--unit') || asked.includes('--cluster')) args.push('--selectProjects', ...projects());

const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env: await environment() });
process.on('SIGTERM', () => child.kill('SIGTERM'));
// The terminal has sent it to Jest too, which takes its engines down before it ends.
process.on('SIGINT', () => undefined);
process.exitCode = await exitStatusOf(child);

/** What is no affair of the database's roles, or of the users' store, has no need to be run again. */
function projects() {
  if (asked.includes('--unit')) return ['unit'];
  if (asked.includes('--long')) return ['long'];
  if (asked.includes('--cluster')) return ['cluster', 'e2e', 'long'];
  if (asked.includes('--one-role') || asked.includes('--mongodb')) return ['e2e', 'long'];
  return ['unit', 'contract', 'e2e'];
}

/** Whether no selection of tests is asked for. */
function isWhole() {
  return asked.every((argument) =>
    /^--(long|one-role|mongodb|cluster|json|outputFile=.*|verbose|maxWorkers=\d+)$/.test(argument),
  );
}

/** Without any variable that the application reads: a developer's database must be out of reach. */
async function environment() {
  await import('../dist/src/config/settings.js');
  const { variables } = await import('../dist/src/config/variable.js');
  const env = Object.entries(process.env).filter(([name]) => !variables().has(name));
  return {
    ...Object.fromEntries(env),
    ...(isWhole() && { OMNI_TEST_SHARES: projects().join() }),
    ...(asked.includes('--one-role') && { OMNI_TEST_ROLES: 'one' }),
    ...(asked.includes('--cluster') && { OMNI_TEST_POOLER: '1' }),
    ...(asked.includes('--mongodb') && { OMNI_TEST_USERS: 'mongodb' }),
    ...(asked.includes('--fuzz') && { FUZZ_REQUESTS: process.env.FUZZ_REQUESTS ?? '2000' }),
  };
}
