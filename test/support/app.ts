import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { httpAdapter, setupApp } from '../../src/app.setup.js';
import { Checkpoints } from '../../src/common/checkpoints.js';
import { AppLogger } from '../../src/common/logging/app-logger.js';
import type { Settings } from '../../src/config/settings.js';
import { Timings } from '../../src/config/timings.js';
import type { Inbox, Mail } from '../../src/dev/inbox.js';
import { OpsServer } from '../../src/health/ops.server.js';
import { atEnd } from './clean-up.js';
import { Client, sendTo, succeed, type Account, type Answer, type Request, type Send } from './client.js';
import { conforming } from './conformance.js';
import type { TestDatabase } from './engines.js';
import { eventually } from './eventually.js';
import { recordRoutes } from './routes.js';
import { StoredUsers } from './users.js';
import { ADMIN, newStage, sharedStage, SHORT_TIMINGS, testSettings, type Stage, type TestSettings } from './stage.js';

export interface AppOptions {
  /** Over the harness's own. */
  readonly settings?: TestSettings;
  readonly timings?: Partial<Timings>;
  /** Beside the shipped ones. */
  readonly modules?: (DynamicModule | Type)[];
  /** `own`: a database and an inbox of its own, or this one; else all apps of a file are replicas of one service. */
  readonly database?: 'own' | TestDatabase;
  /** `none`: as where there is no Redis. */
  readonly redis?: 'none';
  /** Called, and waited for, at each named moment of the code. */
  readonly checkpoints?: (name: string) => Promise<void>;
}

const running = new Set<TestApp>();

// An app that a test forgot leaves no handle behind.
atEnd(async () => {
  for (const app of running) await app.close();
});

/**
 * Starts the application that ships, with a real socket, on throw-away engines. It is configured by these options alone.
 * @example
 * const app = await startApp({ settings: { RATE_LIMIT_SIGNUP: '2/1m' } });
 */
export async function startApp(options: AppOptions = {}): Promise<TestApp> {
  const { database } = options;
  const stage = await (database ? newStage(database === 'own' ? undefined : database) : sharedStage());
  const redis = options.redis === 'none' ? { REDIS_URL: '' } : {};
  const settings = testSettings(stage, { ...redis, ...options.settings });
  const logs: string[] = [];
  const app = await boot(settings, options, logs);
  return new TestApp(app, settings, stage, logs);
}

/** As main.ts does it. */
async function boot(settings: Settings, options: AppOptions, logs: string[]): Promise<INestApplicationContext> {
  const timings = new Timings({ ...SHORT_TIMINGS, ...options.timings });
  const module = AppModule.for(settings, timings, options.modules);
  const logger = new AppLogger(settings, { write: (line) => logs.push(line.trimEnd()) });
  const nest = { logger, abortOnError: false };
  if (settings.PROCESS_ROLE === 'worker') return NestFactory.createApplicationContext(module, nest);
  const adapter = httpAdapter(settings, timings, logger);
  recordRoutes(adapter.getInstance());
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { ...nest, bodyParser: false });
  if (options.checkpoints) app.get(Checkpoints).reach = options.checkpoints;
  await setupApp(app);
  try {
    await app.listen({ host: '127.0.0.1', port: 0 });
  } catch (error) {
    // What it has opened so far would keep Jest from ending.
    await app.close();
    throw error;
  }
  return app;
}

/** A running application, and what a test does with it. */
export class TestApp {
  /** Where it listens; empty for a worker. */
  readonly url: string;
  readonly send: Send;

  constructor(
    /** Nest's own, for the rare test that must look inside. */
    readonly app: INestApplicationContext,
    readonly settings: Settings,
    private readonly stage: Stage,
    /** What it has logged, at every level: a line of JSON each. */
    readonly logs: readonly string[],
  ) {
    const address = 'getHttpServer' in app ? (app as NestFastifyApplication).getHttpServer().address() : null;
    this.url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '';
    // Whatever any test is answered is held against the document.
    this.send = conforming(sendTo(this.url));
    running.add(this);
  }

  /** Where the ops port listens. */
  get opsUrl(): string {
    return `http://127.0.0.1:${this.app.get(OpsServer).port}`;
  }

  /** What its store of users holds, wherever that is. */
  get users(): StoredUsers {
    return new StoredUsers(this.app, this.stage.database, this.settings.MONGODB_URL !== undefined);
  }

  get inbox(): Inbox {
    return this.stage.inbox;
  }

  /** @param path - below /api/v1; `~/health/live` is below the root. */
  request(method: string, path: string, request?: Request): Promise<Answer> {
    return this.send(method, path, request);
  }

  /** A new user, signed in. */
  async signUp(changes: Partial<Account> & Record<string, unknown> = {}): Promise<Client> {
    const account = { ...someAccount(), ...changes };
    succeed(await this.send('POST', '/users', { body: account }));
    return this.logIn(account);
  }

  logIn(account: Account): Promise<Client> {
    return Client.logIn(this.send, account);
  }

  /** The first platform admin, which the application made when it started. */
  admin(): Promise<Client> {
    return this.logIn(ADMIN);
  }

  /** A new admin of the default tenant. */
  async tenantAdmin(): Promise<Client> {
    const [admin, user] = await Promise.all([this.admin(), this.signUp()]);
    succeed(await admin.patch(`/users/${user.user.id}`, { role: 'admin' }));
    return user.again();
  }

  /** The mail to this address, when it has arrived. */
  mail(to: string, subject?: string): Promise<Mail> {
    return eventually(() => {
      const mail = this.inbox.list().find((one) => one.to.includes(to) && (!subject || one.subject === subject));
      if (!mail) throw new Error(`No mail to ${to} with the subject ${subject ?? '(any)'} has arrived`);
      return mail;
    });
  }

  /** Rows as the superuser sees them: all. */
  sql<Row = any>(text: string, parameters?: unknown[]): Promise<Row[]> {
    return this.stage.database.query<Row>('superuser', text, parameters);
  }

  sqlAs<Row = any>(role: 'app' | 'owner', text: string, parameters?: unknown[]): Promise<Row[]> {
    return this.stage.database.query<Row>(role, text, parameters);
  }

  /** Ends it as a signal would. A second call does nothing. */
  async close(): Promise<void> {
    if (running.delete(this)) await this.app.close();
  }
}

let accounts = 0;

/** Unlike any other of the file's database. */
export function someAccount(): Account & { readonly full_name: string } {
  accounts += 1;
  return {
    email: `user-${process.pid}-${accounts}@example.com`,
    password: 'a good long passphrase',
    full_name: 'Ada Lovelace',
  };
}
