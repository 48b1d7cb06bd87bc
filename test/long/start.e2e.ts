import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import '../../src/config/settings.js';
import { variables } from '../../src/config/variable.js';
import { isAlive, run } from '../../src/dev/processes.js';
import { reset } from '../../src/dev/reset.js';
import { sendTo } from '../support/client.js';
import { temporaryFolder } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { projectFile } from '../support/compose.js';

const ROOT = join(__dirname, '../..');
const MAIN = ['--enable-source-maps', join(ROOT, 'dist/src/main.js')];
const START = [join(ROOT, 'bin/start.mjs')];
/** An engine or two are made and started before, on a machine that may be busy. */
const READY_MS = 180_000;
/** Longer than the lease of whoever was killed in the middle of a mail. */
const MAILED_MS = 180_000;
const LOGIN = { email: 'ada@example.com', password: 'Password123' };
const ADA = { ...LOGIN, full_name: 'Ada Lovelace' };

jest.setTimeout(400_000);

/** What is left of processes that a test kills. */
const used: string[] = [];
afterAll(async () => {
  for (const directory of used) await reset({ DATA_DIR: directory }, () => undefined);
});

function dataDirectory(): string {
  const directory = join(temporaryFolder(), 'data');
  mkdirSync(directory, { mode: 0o711 });
  used.push(directory);
  return directory;
}

/** An empty text stands before the one in a developer's `.env`, and counts as not given. */
const NOTHING = Object.fromEntries([...variables().keys()].map((name) => [name, '']));

/** A start as in a shell that configures nothing but DATA_DIR. */
function launch(DATA_DIR: string, command = MAIN) {
  const { PATH, HOME } = process.env;
  const env = { ...NOTHING, PATH, HOME, DATA_DIR };
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return { pid: child.pid!, kill: (signal: NodeJS.Signals) => child.kill(signal), exit, output: () => output };
}

async function start(directory: string, command = MAIN) {
  const started = launch(directory, command);
  const url = await eventually(() => /API +(http:\S+)\/api\/v1\n[^]*Ctrl-C/.exec(started.output())?.[1] ?? false, {
    within: READY_MS,
  });
  const send = sendTo(url);
  const post = async (path: string, body: object) => (await send('POST', path, { body })).status;
  const mailbox = async () => (await send('GET', '~/dev/mailbox.json')).body as { to: string[]; subject: string }[];
  return { ...started, url, post, mailbox };
}

/** A sign-up of which the server has the beginning. */
async function beginSignUp(url: string) {
  const body = JSON.stringify(ADA);
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const sent = request(`${url}/api/v1/users`, { method: 'POST', headers });
  const status = once(sent, 'response').then(([answer]) => (answer as IncomingMessage).resume().statusCode);
  await new Promise<void>((resolve) => sent.write(body.slice(0, 10), () => resolve()));
  return {
    finish: () => {
      sent.end(body.slice(10));
      return status;
    },
  };
}

const postgresPid = (directory: string) =>
  Number(readFileSync(join(directory, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);

const isEmpty = async (directory: string, pids: number[]) => {
  const alive = await Promise.all(pids.map((pid) => isAlive(pid)));
  return !alive.includes(true) && !existsSync(join(directory, 'postgres/data/postmaster.pid'));
};

describe('npm start', () => {
  it('says where everything is, and lets the admin of the banner in', async () => {
    const directory = dataDirectory();
    const app = await start(directory, START);
    const { email, password } = JSON.parse(readFileSync(join(directory, 'admin.json'), 'utf8'));

    expect(app.output()).toContain(`${app.url}/docs`);
    expect(app.output()).toContain(`${app.url}/dev/mailbox`);
    expect(app.output()).toContain(`${email}  ${password}`);
    expect(await app.post('/auth/login', { email, password })).toBe(200);
    expect(statSync(join(directory, 'admin.json')).mode & 0o077).toBe(0);
    expect(statSync(join(directory, 'secret_key')).mode & 0o077).toBe(0);

    app.kill('SIGINT');
    // npm and the terminal both pass a Ctrl-C on.
    app.kill('SIGINT');
    expect(await app.exit).toEqual({ code: 0, signal: null });
  });

  it('answers what the README has people type as it says there', async () => {
    const directory = dataDirectory();
    const app = await start(directory);
    const lines = [...projectFile('README.md').matchAll(/^```sh\n([^]*?)^```$/gm)]
      .map(([, block]) => block!)
      .filter((block) => block.includes('curl '))
      .join('')
      .replaceAll('http://localhost:3000', app.url)
      .replaceAll('.data/', `${directory}/`);
    // Each request leaves its status among the errors.
    const script = `curl() { command curl -w '%{stderr}%{http_code}\\n' "$@"; }\n${lines}`;
    const { stderr } = await run('bash', ['-c', script], { cwd: temporaryFolder() });

    const told = [...lines.matchAll(/# (\d{3}): /g)].map(([, status]) => status);
    expect(stderr.trim().split('\n')).toEqual(told);
    expect(told).toHaveLength(lines.match(/curl -/g)!.length);
    app.kill('SIGTERM');
    await app.exit;
  });

  it('refuses a second start on the same data with status 75, and names the first', async () => {
    const directory = dataDirectory();
    const first = await start(directory);

    const second = launch(directory);

    expect(await second.exit).toEqual({ code: 75, signal: null });
    expect(second.output()).toContain(`(pid ${first.pid})`);
    expect((await fetch(`${first.url}/health/ready`)).status).toBe(200);
    first.kill('SIGTERM');
    await first.exit;
  });

  it('stops the application first and the engines last', async () => {
    const directory = dataDirectory();
    const app = await start(directory);
    const postgres = postgresPid(directory);
    const signUp = await beginSignUp(app.url);

    app.kill('SIGTERM');
    // It drains, or no longer listens.
    await eventually(() =>
      fetch(`${app.url}/health/ready`).then(
        ({ status }) => status === 503,
        () => true,
      ),
    );

    expect(await signUp.finish()).toBe(201);
    expect(await app.exit).toEqual({ code: 0, signal: null });
    expect(await isEmpty(directory, [postgres])).toBe(true);
  });

  it('leaves nothing behind when it is ended before it serves', async () => {
    const directory = dataDirectory();
    const app = launch(directory);
    await eventually(() => app.output().includes('PostgreSQL on port'), { within: READY_MS });
    const postgres = postgresPid(directory);

    app.kill('SIGINT');

    expect(await app.exit).toEqual({ code: 130, signal: null });
    expect(await isEmpty(directory, [postgres])).toBe(true);
  });

  it('keeps what it acknowledged when it is killed, and nothing is in the way of the next start', async () => {
    const directory = dataDirectory();
    const killed = await start(directory);
    expect(await killed.post('/users', ADA)).toBe(201);
    const orphan = postgresPid(directory);
    killed.kill('SIGKILL');
    await killed.exit;
    expect(await isAlive(orphan)).toBe(true);

    const app = await start(directory);

    expect(await app.post('/auth/login', LOGIN)).toBe(200);
    await eventually(async () => (await app.mailbox()).length > 0, { within: MAILED_MS });
    // Twice, where the kill came between the mail and the note that it was sent.
    const mails = (await app.mailbox()).map(({ to, subject }: any) => `${to.join()} ${subject}`);
    expect(new Set(mails)).toEqual(new Set([`${ADA.email} Welcome!`]));
    expect(await isAlive(orphan)).toBe(false);
    app.kill('SIGTERM');
    await app.exit;
  });

  it('ends in order when the command that started it is killed', async () => {
    const directory = dataDirectory();
    const command = await start(directory, START);
    const postgres = postgresPid(directory);
    const application = Number(readFileSync(join(directory, 'pid'), 'utf8'));

    command.kill('SIGKILL');

    await eventually(() => isEmpty(directory, [application, postgres]));
    const next = await start(directory, START);
    next.kill('SIGTERM');
    expect(await next.exit).toEqual({ code: 0, signal: null });
  });
});

describe('npm run reset', () => {
  const RESET = [join(ROOT, 'bin/run.mjs'), 'dev/reset.main'];

  it('refuses with status 75 while a start uses the data, and deletes them afterwards', async () => {
    const directory = dataDirectory();
    const app = await start(directory);
    const refused = launch(directory, RESET);
    expect(await refused.exit).toEqual({ code: 75, signal: null });
    expect(refused.output()).toContain(`(pid ${app.pid})`);
    const orphan = postgresPid(directory);
    app.kill('SIGKILL');
    await app.exit;

    const deleted = launch(directory, RESET);

    expect(await deleted.exit).toEqual({ code: 0, signal: null });
    expect(deleted.output()).toContain(join(directory, 'postgres'));
    expect([existsSync(directory), await isAlive(orphan)]).toEqual([false, false]);
  });
});
