import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { findProgram, searchPath } from '../../src/config/host.js';
import { atEnd } from './clean-up.js';
import { temporaryFolder } from './engines.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';

const run = promisify(execFile);

/** Debian's tools package holds the server too, which acts by the name that it is called by. */
const SERVERS = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb'];
const PASSWORD = 'topologies-have-a-password';
const MASTER = 'omni';

/** Left out, and said why, where one of these programs is missing; with CI set nothing is left out. */
export function describeWithPrograms(...names: readonly (readonly string[])[]): typeof describe {
  const missing = names.filter((alternatives) => !findProgram(alternatives, searchPath()));
  if (missing.length === 0) return describe;
  const sentence = `This needs ${missing.map((alternatives) => alternatives.join(' or ')).join(', ')}`;
  if (process.env['CI']) throw new Error(sentence);
  process.stderr.write(`left out: ${sentence}\n`);
  return describe.skip;
}

export const REDIS_TOOLS = [SERVERS, ['redis-cli', 'valkey-cli']] as const;

const children = new Set<ChildProcess>();
atEnd(async () => {
  for (const child of children) child.kill('SIGCONT');
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([...children].map((child) => once(child, 'exit')));
});

/** A program that a test may stop; it ends with the file at the latest. */
export function startProgram(program: string, args: readonly string[], cwd: string, argv0 = program): ChildProcess {
  const child = spawn(program, args, { argv0, cwd, stdio: 'ignore' });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

const redisProgram = (): string => findProgram(SERVERS, searchPath())!;

export interface RedisProcess {
  readonly port: number;
  readonly child: ChildProcess;
  /** Where its files are. */
  readonly directory: string;
}

/** A server with these lines of configuration beside the usual ones. */
export async function startServer(lines: readonly string[] = [], port?: number): Promise<RedisProcess> {
  const own = port ?? (await freePort());
  const directory = temporaryFolder();
  const usual = ['bind 127.0.0.1', 'appendonly yes', 'appendfsync no', 'save ""', 'dir .'];
  const plain = lines.some((line) => line.startsWith('tls-port')) ? [] : [`port ${own}`];
  writeFileSync(join(directory, 'redis.conf'), [...usual, ...plain, ...lines].join('\n'));
  return { port: own, directory, child: startProgram(redisProgram(), ['redis.conf'], directory, 'redis-server') };
}

/** Whether the server on this port says that all is well. */
export async function answers(port: number, question: (redis: Redis) => Promise<boolean>): Promise<boolean> {
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    password: PASSWORD,
    retryStrategy: () => null,
    lazyConnect: true,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await question(redis);
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

const protectedBy = [`requirepass ${PASSWORD}`, `masterauth ${PASSWORD}`];

/** Three primaries, which share the slots. @returns the cluster's URL, and its nodes. */
export async function startCluster(): Promise<{ url: string; nodes: readonly RedisProcess[] }> {
  const lines = [
    ...protectedBy,
    'cluster-enabled yes',
    'cluster-node-timeout 2000',
    'cluster-require-full-coverage no',
  ];
  // The bus of a node has a port of its own, ten thousand above: one that no other system port is.
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => startServer([...lines, `cluster-port ${await freePort()}`])),
  );
  for (const { port } of nodes) await eventually(() => answers(port, async (redis) => (await redis.ping()) === 'PONG'));
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['-a', PASSWORD, '--no-auth-warning', '--cluster', 'create', ...hosts, '--cluster-yes']);
  for (const { port } of nodes)
    await eventually(() =>
      answers(port, async (redis) => String(await redis.cluster('INFO')).includes('cluster_state:ok')),
    );
  return { url: `redis+cluster://:${PASSWORD}@${hosts.join()}`, nodes };
}

/** A primary, two replicas and three sentinels. */
export class SentinelTrio {
  private constructor(
    readonly url: string,
    readonly servers: readonly RedisProcess[],
    private readonly sentinels: readonly number[],
  ) {}

  static async start(): Promise<SentinelTrio> {
    const primary = await startServer(protectedBy);
    await eventually(() => answers(primary.port, async (redis) => (await redis.ping()) === 'PONG'));
    const follow = [...protectedBy, `replicaof 127.0.0.1 ${primary.port}`];
    const replicas = await Promise.all([startServer(follow), startServer(follow)]);
    for (const { port } of replicas)
      await eventually(() =>
        answers(port, async (redis) => /master_link_status:up/.test(await redis.info('replication'))),
      );
    const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(primary.port)));
    const trio = new SentinelTrio(
      `redis+sentinel://:${PASSWORD}@${sentinels.map((port) => `127.0.0.1:${port}`).join()}/${MASTER}/0`,
      [primary, ...replicas],
      sentinels,
    );
    // Before they know each other, and the replicas, they elect nobody.
    for (const port of sentinels) await eventually(() => trio.knowsAll(port));
    return trio;
  }

  /** Who is the primary, as its sentinels have it. */
  async primary(): Promise<RedisProcess> {
    const redis = new Redis({ host: '127.0.0.1', port: this.sentinels[0]!, lazyConnect: true });
    try {
      await redis.connect();
      const [, port] = (await redis.call('SENTINEL', 'get-master-addr-by-name', MASTER)) as [string, string];
      return this.servers.find((server) => server.port === Number(port))!;
    } finally {
      redis.disconnect();
    }
  }

  private async knowsAll(port: number): Promise<boolean> {
    const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      const fields = (await redis.call('SENTINEL', 'master', MASTER)) as string[];
      const value = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
      return value('num-other-sentinels') === '2' && value('num-slaves') === '2' && value('flags') === 'master';
    } catch {
      return false;
    } finally {
      redis.disconnect();
    }
  }
}

async function startSentinel(primary: number): Promise<number> {
  const port = await freePort();
  const directory = temporaryFolder();
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    'dir .',
    `sentinel monitor ${MASTER} 127.0.0.1 ${primary} 2`,
    `sentinel auth-pass ${MASTER} ${PASSWORD}`,
    `sentinel down-after-milliseconds ${MASTER} 1000`,
    `sentinel failover-timeout ${MASTER} 5000`,
  ];
  writeFileSync(join(directory, 'sentinel.conf'), lines.join('\n'));
  startProgram(redisProgram(), ['sentinel.conf', '--sentinel'], directory, 'redis-sentinel');
  return port;
}

interface TlsServer {
  readonly url: string;
  /** The certificate of its authority: a file. */
  readonly authority: string;
}

/** @returns lines of configuration by which a server speaks TLS alone, with a certificate that nobody else's authority made. */
async function speakTls(port: number, names: string): Promise<{ lines: string[]; authority: string }> {
  const directory = temporaryFolder();
  mkdirSync(directory, { recursive: true });
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args, { cwd: directory });
  const days = ['-days', '2'];
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  await openssl('req', '-x509', ...key, ...days, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Tests of Omni');
  await openssl('req', ...key, '-keyout', 'redis.key', '-out', 'redis.csr', '-subj', '/CN=redis');
  writeFileSync(at('redis.ext'), `subjectAltName=${names}`);
  const signed = ['-in', 'redis.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'redis.pem'];
  await openssl('x509', '-req', ...signed, ...days, '-extfile', 'redis.ext');
  const files = [
    `tls-cert-file ${at('redis.pem')}`,
    `tls-key-file ${at('redis.key')}`,
    `tls-ca-cert-file ${at('ca.pem')}`,
  ];
  const lines = ['port 0', `tls-port ${port}`, 'tls-auth-clients no', `requirepass ${PASSWORD}`, ...files];
  return { lines, authority: at('ca.pem') };
}

export async function startTlsServer(): Promise<TlsServer> {
  const port = await freePort();
  const { lines, authority } = await speakTls(port, 'IP:127.0.0.1,DNS:localhost');
  await startServer(lines, port);
  return { url: `rediss://:${PASSWORD}@127.0.0.1:${port}`, authority };
}

/** A cluster of one node, which calls itself by a name; no address is in its certificate. */
export async function startTlsCluster(): Promise<TlsServer> {
  const port = await freePort();
  const { lines, authority } = await speakTls(port, 'DNS:localhost');
  const named = ['cluster-announce-hostname localhost', 'cluster-preferred-endpoint-type hostname'];
  const bus = `cluster-port ${await freePort()}`;
  await startServer([...lines, 'cluster-enabled yes', 'tls-cluster yes', bus, ...named], port);
  const tls = ['--tls', '--cacert', authority];
  const redis = (...command: string[]): Promise<string> =>
    run('redis-cli', [
      '-h',
      'localhost',
      '-p',
      `${port}`,
      '-a',
      PASSWORD,
      ...tls,
      '--no-auth-warning',
      ...command,
    ]).then(
      ({ stdout }) => stdout,
      () => '',
    );
  await eventually(async () => (await redis('PING')).includes('PONG'));
  await redis('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => (await redis('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return { url: `rediss+cluster://:${PASSWORD}@localhost:${port}`, authority };
}
