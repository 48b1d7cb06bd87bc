import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisPlace } from '../config/redis-url.js';

/** Whatever stands behind a URL: the commands are the same. */
export type RedisClient = Redis | Cluster;

const RETRY_MAX_MS = 1_000;

/** However long Redis was away, its return is noticed within a second. */
const retry = (tries: number): number => Math.min(50 * tries, RETRY_MAX_MS);

const COMMON: RedisOptions = {
  keepAlive: 10_000,
  retryStrategy: retry,
  // After a failover the old primary refuses to write: look for the new one.
  reconnectOnError: ({ message }) => message.startsWith('READONLY'),
};

/** What Bull's workers need: they wait for Redis as long as it takes. */
export const PATIENT: RedisOptions = { maxRetriesPerRequest: null, enableReadyCheck: false };

/** For whoever must not wait: fails at once while Redis is away. */
export const hasty = (commandTimeout: number): RedisOptions => ({
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout,
});

/** A connection to what the URL names. One that is lost is made again, for ever; it ends by `quit` or `disconnect`. */
export function connectTo(url: string, asked: RedisOptions): RedisClient {
  const place = parseRedisUrl(url);
  const options = { ...COMMON, ...asked };
  switch (place.kind) {
    case 'server':
      return new Redis(place.url, options);
    case 'sentinel':
      return new Redis({ ...options, ...accessOf(place), ...bySentinels(place) });
    case 'cluster':
      return new Cluster([...place.nodes], inCluster(place, options));
  }
}

type Reached<Kind> = Extract<RedisPlace, { readonly kind: Kind }>;

/** Whom to trust is Node's own affair: NODE_EXTRA_CA_CERTS. */
const accessOf = ({ username, password, tls }: Reached<'sentinel' | 'cluster'>): RedisOptions => ({
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
  ...(tls && { tls: {} }),
});

const bySentinels = (place: Reached<'sentinel'>): RedisOptions => ({
  sentinels: [...place.nodes],
  name: place.master,
  db: place.db,
  sentinelRetryStrategy: retry,
  // A primary that hangs ends no connection: its sentinels tell when another one has taken its place.
  failoverDetector: true,
  ...(place.sentinel_username !== undefined && { sentinelUsername: place.sentinel_username }),
  ...(place.sentinel_password !== undefined && { sentinelPassword: place.sentinel_password }),
  ...(place.tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
});

/** A client that must not wait is sent no further than twice; one that may is sent about for as long as it takes. */
function inCluster(place: Reached<'cluster'>, options: RedisOptions): ConstructorParameters<typeof Cluster>[1] {
  const { enableOfflineQueue = true, retryStrategy: _, ...redisOptions } = options;
  return {
    enableOfflineQueue,
    clusterRetryStrategy: retry,
    clusterNodeRetryStrategy: retry,
    ...(!enableOfflineQueue && { maxRedirections: 2 }),
    // A certificate names hosts: their addresses, which would be asked for by default, are in none.
    ...(place.tls && { dnsLookup: (host, done) => done(null, host) }),
    redisOptions: { ...redisOptions, ...accessOf(place) },
  };
}
