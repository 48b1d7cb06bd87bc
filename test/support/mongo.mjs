// What stands in for MongoDB where tests have none: a server in Java that speaks its protocol and keeps all in memory. Maven
// fetches it once (.ci/mongo), Java compiles its few lines at every start.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, '../..');
const SOURCE = join(ROOT, '.ci/mongo');
const CACHE = join(ROOT, 'node_modules/.cache/mongo-stand-in');
const START_MS = 60_000;

/** @returns the server with its URL and pid; or what is missing, in words. */
export async function startMongo() {
  for (const [command, flag] of [
    ['java', '-version'],
    ['javac', '-version'],
  ]) {
    if (!(await works(command, flag))) return { missing: `a JDK: there is no ${command}` };
  }
  const jars = await fetchJars();
  if (!jars) return { missing: 'Maven, and what it fetches' };
  return { server: await startServer(jars) };
}

const works = (command, ...args) =>
  run(command, args).then(
    () => true,
    () => false,
  );

/** The folder of the jars that pom.xml names, in whole or not at all. */
async function fetchJars() {
  const pom = readFileSync(join(SOURCE, 'pom.xml'));
  const jars = join(CACHE, createHash('sha256').update(pom).digest('hex').slice(0, 16));
  if (existsSync(jars)) return jars;
  const draft = `${jars}.${process.pid}`;
  mkdirSync(CACHE, { recursive: true });
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
  const args = ['-q', '-B', '-f', join(SOURCE, 'pom.xml'), goal, `-DoutputDirectory=${draft}`];
  const fetched = await works('mvn', ...args);
  // Another run may have been faster.
  if (fetched && !existsSync(jars)) renameSync(draft, jars);
  rmSync(draft, { recursive: true, force: true });
  return existsSync(jars) ? jars : null;
}

async function startServer(jars) {
  // -Xrs: so that SIGQUIT, by which the reaper ends engines, ends this one too.
  const child = spawn('java', ['-Xrs', '-Xmx256m', '-cp', join(jars, '*'), join(SOURCE, 'MongoStandIn.java')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const url = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`What stands in for MongoDB does not start: ${why}\n${output.join('')}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`it took longer than ${START_MS} ms`);
    }, START_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (status) => fail(`it ended with ${status}`));
    child.stdout.on('data', (chunk) => {
      output.push(String(chunk));
      const [found] = /mongodb:\/\/\S+/.exec(output.join('')) ?? [];
      if (!found) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
  child.removeAllListeners('exit');
  for (const stream of [child.stdout, child.stderr]) stream.destroy();
  child.unref();
  return { url, pid: child.pid };
}
