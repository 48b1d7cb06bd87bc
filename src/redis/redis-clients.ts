import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Cluster, ReplyError, type RedisOptions } from 'ioredis';
import { Condition } from '../common/condition.js';
import { endsWithin } from '../common/deadline.js';
import { Probe } from '../common/probes.js';
import { InvalidSettingsError } from '../config/read-settings.js';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';
import { connectTo, hasty, PATIENT, type RedisClient } from './connect.js';

/** How long a connection may take to say goodbye. */
const QUIT_MS = 500;

/** Every connection to Redis. One that is lost is made again, for ever; the log hears of it once. */
@Injectable()
export class RedisClients implements OnModuleInit, OnApplicationShutdown {
  /** For whoever must not wait: fails at once while Redis is away. */
  readonly commands: RedisClient;
  /** The same, for the cache and the limits, which may have a Redis of their own. */
  readonly cache: RedisClient;
  private readonly logger = new Logger(RedisClients.name);
  private readonly condition = new Condition(this.logger, 'Redis');
  private readonly shared = new Map<string, RedisClient>();
  private readonly clients: RedisClient[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {
    const { REDIS_URL, REDIS_CACHE_URL } = settings;
    const options = hasty(timings.probe_ms);
    this.commands = this.connect(options);
    this.cache = REDIS_CACHE_URL === REDIS_URL ? this.commands : this.connect(options, REDIS_CACHE_URL);
  }

  /**
   * Gives the first connection a moment, so that a start beside a working Redis tells of no failure. One that is away is no
   * reason not to start: it is looked at when it comes.
   * @throws {InvalidSettingsError} in production, when the Redis of the queues drops keys.
   */
  async onModuleInit(): Promise<void> {
    const { commands, timings, settings } = this;
    if (commands.status !== 'ready') {
      const ready = new Promise((resolve) => void commands.once('ready', resolve).once('error', resolve));
      await endsWithin(timings.probe_ms, ready);
    }
    const policy = commands.status === 'ready' ? await this.evictionPolicy() : null;
    if (policy && settings.NODE_ENV === 'production') throw new InvalidSettingsError([evicting(policy)]);
    if (policy) this.logger.warn(evicting(policy));
    commands.on('ready', () => void this.warnOfEviction());
  }

  /** Bull's `createClient` for a worker. Only the connection that blocks must be a queue's own. */
  forWorker(type: 'client' | 'subscriber' | 'bclient'): RedisClient {
    if (type === 'bclient') return this.connect(PATIENT);
    const client = this.shared.get(type) ?? this.connect(PATIENT);
    this.shared.set(type, client);
    return client;
  }

  /** @throws Redis does not answer, or that of cache and limits does not. */
  @Probe({ name: 'redis', critical: false })
  async probe(): Promise<void> {
    await Promise.all([...new Set([this.commands, this.cache])].map((client) => client.ping()));
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(
      this.clients.map(async (client) => {
        if (client.status === 'ready') await endsWithin(QUIT_MS, client.quit());
        client.disconnect();
      }),
    );
  }

  private connect(options: RedisOptions, url = this.settings.REDIS_URL!): RedisClient {
    const client = connectTo(url, options);
    // Every queue listens on the connections that they share.
    client.setMaxListeners(0);
    client.on('error', (error) => this.condition.fails(error));
    client.on('ready', () => this.condition.works());
    this.clients.push(client);
    return client;
  }

  private async warnOfEviction(): Promise<void> {
    const policy = await this.evictionPolicy();
    if (policy) this.logger.warn(evicting(policy));
  }

  /** The policy by which a node of the queues drops keys; null where none does, or none can be asked. */
  private async evictionPolicy(): Promise<string | null> {
    const { commands } = this;
    const nodes = commands instanceof Cluster ? commands.nodes('master') : [commands];
    const told = await Promise.all(nodes.map((node) => node.info('memory').catch((error: Error) => error)));
    // Some who run it for others forbid the question: then nobody here can know.
    if (told.some((answer) => answer instanceof ReplyError))
      this.logger.warn('REDIS_URL does not tell its maxmemory-policy: queues want noeviction');
    const policies = told.map((answer) => /^maxmemory_policy:(\S+)/m.exec(String(answer))?.[1]);
    return policies.find((policy) => policy && policy !== 'noeviction') ?? null;
  }
}

/** A Redis that drops keys when it is full may drop a queue and keep its jobs: they wait for the next start then. */
const evicting = (policy: string): string =>
  `REDIS_URL has maxmemory-policy ${policy}: queues want noeviction; the cache may have another one (REDIS_CACHE_URL)`;
