import { chmod, cp, lchown, lstat, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findProgram, isRoot } from '../../config/host.js';
import { EngineError, run, type Say } from '../processes.js';
import { examine, type Installation } from './installations.js';

/** As whom a program runs that refuses root. */
export interface Guise {
  /** What stands before the program in its command line. */
  readonly prefix: readonly string[];
  /** Given to spawn; empty where the process stays who it is. */
  readonly user: { readonly uid?: number; readonly gid?: number };
}

/** What runs, as whom, and where its files are. */
export interface Site {
  readonly installation: Installation;
  readonly guise: Guise;
  readonly directory: string;
}

/**
 * Finds a way to run PostgreSQL on the files in `folder`. Any user but root just does; root must not look like root:
 * 1. in a user namespace where root is called nobody, and still walks through root's folders, however private;
 * 2. else as the user nobody, where nobody can walk to both the programs and the data;
 * 3. else so with the files, and if need be the programs, in a folder of the system's; `folder` becomes a link to it.
 * @param path - folders to look in for `unshare`.
 */
export async function findSite(found: Installation, folder: string, path: readonly string[], say: Say): Promise<Site> {
  const directory = await realpath(folder);
  if (!isRoot()) return { installation: found, guise: { prefix: [], user: {} }, directory };
  const installation = await examine(movedPrograms(directory), null).catch(() => found);
  const nobody = await lookUpNobody();
  const unshare = findProgram(['unshare'], path);
  const namespace = unshare ? [unshare, '--user', `--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`] : [];
  const guises: Guise[] = [
    { prefix: namespace, user: {} },
    { prefix: [], user: nobody },
  ];
  for (const guise of unshare ? guises : guises.slice(1)) {
    const site = { installation, guise, directory };
    if (await works(site)) return site;
  }
  return moveAway(installation, directory, nobody, say);
}

const SYSTEM = '/var/lib';

/** Whether these files are where {@link findSite} puts what it moves away. */
export const isMoved = (directory: string): boolean => directory.startsWith(`${SYSTEM}/omni-`);

const movedPrograms = (directory: string): string => join(dirname(directory), 'programs', 'bin');

/** A user that is no more than it must be, and that the system knows, as initdb wants it. */
async function lookUpNobody(): Promise<{ uid: number; gid: number }> {
  const [, uid, gid] = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(await readFile('/etc/passwd', 'utf8')) ?? [];
  if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  throw new EngineError(
    'PostgreSQL refuses to run as root, and this machine has no user nobody: start as another user.',
  );
}

/** Hands the files to whoever is going to run the server, and sees whether that user gets at it all. */
async function works({ installation, guise, directory }: Site): Promise<boolean> {
  await handOver(directory, guise.user);
  const reach = ['/bin/sh', '-c', '"$0" --version && test -w "$1"', installation.postgres, directory];
  const [program = '', ...args] = [...guise.prefix, ...reach];
  return run(program, args, { ...guise.user }).then(
    () => true,
    () => false,
  );
}

/** Gives files to that user; the folder itself last, so that its owner tells whether all of it changed hands. */
export async function handOver(entry: string, user: Guise['user']): Promise<void> {
  const stat = await lstat(entry);
  const { uid = process.getuid?.() ?? stat.uid, gid = process.getgid?.() ?? stat.gid } = user;
  if (stat.uid === uid) return;
  for (const name of stat.isDirectory() ? await readdir(entry) : []) await handOver(join(entry, name), user);
  await lchown(entry, uid, gid);
}

async function moveAway(found: Installation, folder: string, nobody: Guise['user'], say: Say): Promise<Site> {
  if ((await readdir(folder)).length > 0)
    throw new EngineError(
      `PostgreSQL refuses to run as root, and no other user can reach ${folder}: \`npm run reset\` deletes it.`,
    );
  await mkdir(SYSTEM, { recursive: true });
  const place = await mkdtemp(`${SYSTEM}/omni-`);
  await chmod(place, 0o711);
  const directory = join(place, 'postgres');
  await mkdir(directory, { mode: 0o700 });
  let site: Site = { installation: found, guise: { prefix: [], user: nobody }, directory };
  if (!(await works(site))) site = { ...site, installation: await copyPrograms(found, directory) };
  if (!(await works(site))) {
    await rm(place, { recursive: true });
    throw new EngineError('PostgreSQL refuses to run as root, and does not run as nobody: start as another user.');
  }
  await rm(folder, { recursive: true });
  await symlink(directory, folder);
  say(`PostgreSQL cannot run as root below ${folder}: its files are in ${place}`);
  return site;
}

async function copyPrograms(found: Installation, directory: string): Promise<Installation> {
  if (!found.home) return found;
  const bin = movedPrograms(directory);
  await cp(found.home, dirname(bin), { recursive: true, verbatimSymlinks: true });
  return examine(bin, dirname(bin));
}
