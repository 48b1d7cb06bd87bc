import type { Kind } from './variable.js';

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

interface Access {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

/** Where a Redis is, and what kind of thing stands there. */
export type RedisPlace =
  /** One server, by a URL that its client reads itself. */
  | { readonly kind: 'server'; readonly url: string }
  /** Whatever server the sentinels say is the primary. */
  | (Access & {
      readonly kind: 'sentinel';
      readonly nodes: readonly RedisNode[];
      readonly master: string;
      readonly db: number;
      readonly sentinel_username?: string;
      readonly sentinel_password?: string;
    })
  /** A cluster, of which some nodes are named: they know the others. */
  | (Access & { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[] });

/** `redis+sentinel://` is what other clients call it; where a cluster is meant most of them want to be told beside the URL. */
const SCHEMES = ['redis', 'rediss', 'redis+sentinel', 'rediss+sentinel', 'redis+cluster', 'rediss+cluster'];
const PORTS = { sentinel: 26_379, cluster: 6_379 };
const MAX_PORT = 65_535;

const URL_PARTS =
  /^(?<scheme>[a-z+]+):\/\/(?:(?<access>[^@/]*)@)?(?<nodes>[^/?]*)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/;
const NODE = /^(?<host>\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(?<port>\d+))?$/;
const SENTINEL_OPTIONS = ['sentinel_username', 'sentinel_password'];

class Reading {
  readonly mistakes: string[] = [];

  /** By comma, the port left out where it is the usual one. */
  nodes(text: string, usual: number): RedisNode[] {
    const found = text.split(',').map((item) => NODE.exec(item)?.groups);
    if (found.some((groups) => !groups)) this.mistakes.push('must name hosts by comma, each host or host:port');
    const nodes = found.map(({ host = '', port = usual } = {}) => ({
      host: host.replaceAll(/[[\]]/g, ''),
      port: Number(port),
    }));
    if (nodes.some(({ port }) => port < 1 || port > MAX_PORT))
      this.mistakes.push(`must name ports from 1 to ${MAX_PORT}`);
    return nodes;
  }

  access(text: string | undefined): Omit<Access, 'tls'> {
    if (text === undefined) return {};
    const [, username = '', password] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
    return {
      ...(username && { username: this.decode(username) }),
      ...(password !== undefined && { password: this.decode(password) }),
    };
  }

  /** @param allowed - none but these, each at most once. */
  options(query: string | undefined, allowed: readonly string[]): Record<string, string> {
    const given = [...new URLSearchParams(query)];
    if (given.some(([name]) => !allowed.includes(name)) || new Set(given.map(([name]) => name)).size < given.length)
      this.mistakes.push(
        allowed.length > 0 ? `must have no options but ${allowed.join(' and ')}, each once` : 'must have no options',
      );
    return Object.fromEntries(given);
  }

  decode(text: string): string {
    try {
      return decodeURIComponent(text);
    } catch {
      this.mistakes.push('must percent-encode what is no plain letter in user or password');
      return '';
    }
  }
}

/**
 * Reads `redis[s]://…`, `redis[s]+sentinel://[user:password@]host[:port],…/master[/db]` with the sentinels' own
 * credentials as options, or `redis[s]+cluster://[user:password@]host[:port],…`.
 * @throws {Error} all that is wrong with it, in one sentence which quotes nothing.
 */
export function parseRedisUrl(text: string): RedisPlace {
  const { scheme = '', access, nodes = '', path = '', query } = URL_PARTS.exec(text)?.groups ?? {};
  const [protocol, kind] = scheme.split('+') as [string, ('sentinel' | 'cluster')?];
  if (!SCHEMES.includes(scheme)) throw new Error(`must be a URL that begins with ${listed(SCHEMES)}`);
  if (!kind) return server(text);
  const reading = new Reading();
  const common = {
    nodes: reading.nodes(nodes, PORTS[kind]),
    ...reading.access(access),
    tls: protocol === 'rediss',
  };
  const place =
    kind === 'cluster' ? cluster(reading, common, { path, query }) : sentinel(reading, common, { path, query });
  if (reading.mistakes.length > 0) throw new Error(reading.mistakes.join('; it '));
  return place;
}

const listed = (schemes: readonly string[]): string => schemes.map((scheme) => `${scheme}://`).join(' or ');

function server(url: string): RedisPlace {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!parsed || !/^[^,]+$/.test(parsed.hostname))
    throw new Error('must name one host; several are those of sentinels or of a cluster');
  if (!/^\/?\d*$/.test(parsed.pathname)) throw new Error('must name its database by a number, or none');
  return { kind: 'server', url };
}

type Common = Access & { readonly nodes: readonly RedisNode[] };
interface Rest {
  readonly path: string;
  readonly query: string | undefined;
}

function cluster(reading: Reading, common: Common, { path, query }: Rest): RedisPlace {
  if (!/^\/?0?$/.test(path)) reading.mistakes.push('must name no database: a cluster has only 0');
  reading.options(query, []);
  return { kind: 'cluster', ...common };
}

function sentinel(reading: Reading, common: Common, { path, query }: Rest): RedisPlace {
  const [, master = '', db = '0'] = /^\/([\w.-]+)(?:\/(\d{1,4})?)?$/.exec(path) ?? [];
  if (!master) reading.mistakes.push('must name the primary as its sentinels do, then the database: /name or /name/0');
  return { kind: 'sentinel', ...common, master, db: Number(db), ...reading.options(query, SENTINEL_OPTIONS) };
}

/** Checked, and given back as written. */
export const redisUrl: Kind<string> = {
  name: 'URL',
  parse: (text) => {
    parseRedisUrl(text);
    return text;
  },
};
