import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { Condition } from '../common/condition.js';
import { endsWithin } from '../common/deadline.js';
import { Probe } from '../common/probes.js';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';

/** How long a connection may take to say goodbye. */
const QUIT_MS = 500;

const COMMON: RedisOptions = {
  keepAlive: 10_000,
  // However long Redis was away, its return is noticed within a second.
  retryStrategy: (tries) => Math.min(50 * tries, 1_000),
  // After a failover the old primary refuses to write: look for the new one.
  reconnectOnError: ({ message }) => message.startsWith('READONLY'),
};

/** What Bull's workers need: they wait for Redis as long as it takes. */
const PATIENT: RedisOptions = { ...COMMON, maxRetriesPerRequest: null, enableReadyCheck: false };

/** Every connection to Redis. One that is lost is made again, for ever; the log hears of it once. */
@Injectable()
export class RedisClients implements OnModuleInit, OnApplicationShutdown {
  /** For whoever must not wait: fails at once while Redis is away. */
  readonly commands: Redis;
  /** The same, for the cache and the limits, which may have a Redis of their own. */
  readonly cache: Redis;
  private readonly logger = new Logger(RedisClients.name);
  private readonly condition = new Condition(this.logger, 'Redis');
  private readonly shared = new Map<string, Redis>();
  private readonly clients: Redis[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {
    const { REDIS_URL, REDIS_CACHE_URL } = settings;
    const hasty = { ...COMMON, enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: timings.probe_ms };
    this.commands = this.connect(hasty);
    this.cache = REDIS_CACHE_URL === REDIS_URL ? this.commands : this.connect(hasty, REDIS_CACHE_URL);
    this.commands.on('ready', () => void this.warnOfEviction());
  }

  /** Gives the first connection a moment, so that a start beside a working Redis tells of no failure. */
  async onModuleInit(): Promise<void> {
    if (this.commands.status === 'ready') return;
    const ready = new Promise((resolve) => void this.commands.once('ready', resolve).once('error', resolve));
    await endsWithin(this.timings.probe_ms, ready);
  }

  /** Bull's `createClient` for a worker. Only the connection that blocks must be a queue's own. */
  forWorker(type: 'client' | 'subscriber' | 'bclient'): Redis {
    if (type === 'bclient') return this.connect(PATIENT);
    const client = this.shared.get(type) ?? this.connect(PATIENT);
    this.shared.set(type, client);
    return client;
  }

  /** @throws Redis does not answer. */
  @Probe({ name: 'redis', critical: false })
  async probe(): Promise<void> {
    await this.commands.ping();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(
      this.clients.map(async (client) => {
        if (client.status === 'ready') await endsWithin(QUIT_MS, client.quit());
        client.disconnect();
      }),
    );
  }

  private connect(options: RedisOptions, url = this.settings.REDIS_URL!): Redis {
    const client = new Redis(url, options);
    // Every queue listens on the connections that they share.
    client.setMaxListeners(0);
    client.on('error', (error) => this.condition.fails(error));
    client.on('ready', () => this.condition.works());
    this.clients.push(client);
    return client;
  }

  /** A Redis that drops keys when it is full may drop a queue and keep its jobs: they wait for the next start then. */
  private async warnOfEviction(): Promise<void> {
    const memory = await this.commands.info('memory').catch(() => '');
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction';
    if (policy !== 'noeviction') this.logger.warn(`Redis has maxmemory-policy ${policy}: queues want noeviction`);
  }
}
