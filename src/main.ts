import { Logger, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { httpAdapter, setupApp } from './app.setup.js';
import { AppLogger, AUDIT } from './common/logging/app-logger.js';
import { PIIRedactionFilter } from './common/logging/pii-redaction.js';
import { InvalidSettingsError, rawSettings, readSettings, type RawSettings } from './config/read-settings.js';
import type { Settings } from './config/settings.js';
import { Timings } from './config/timings.js';
import { migrate } from './database/migrate.js';
import type { Engines } from './dev/engines.js';

/** sysexits.h: wrong configuration; try again later. */
const EX_CONFIG = 78;
const EX_TEMPFAIL = 75;

const say = (line: string): unknown => process.stdout.write(`${line}\n`);
const audit = new Logger(AUDIT);
const timings = new Timings();

async function main(raw: RawSettings): Promise<void> {
  const engines = raw['NODE_ENV'] === 'production' ? null : await startEngines(raw);
  try {
    const settings = readSettings({ ...raw, ...engines?.variables });
    if (engines) await migrateAloud(settings);
    const app = await boot(settings, engines ? engines.modules : []);
    endInOrder(app, engines);
    audit.log({ msg: 'Started', action: 'sys_startup', node: process.version });
    if (engines) say(engines.banner(settings));
  } catch (error) {
    await engines?.stop();
    throw error;
  }
}

/** Development brings what has no URL. Production never takes this import. */
async function startEngines(raw: RawSettings): Promise<Engines> {
  readSettings(raw, { engines: true });
  const dev = await import('./dev/engines.js');
  return dev.startEngines(raw, { say });
}

async function migrateAloud({ POSTGRES_URL, POSTGRES_OWNER_URL }: Settings): Promise<void> {
  const { applied, drift } = await migrate({ ownerUrl: POSTGRES_OWNER_URL, appUrl: POSTGRES_URL });
  if (applied.length > 0) say(`Migrations applied: ${applied.length}`);
  if (drift.length > 0) say(`The tables differ from the entities:\n  ${drift.join('\n  ')}`);
}

/** The API and, unless the role says otherwise, the work behind it; or the work alone. */
async function boot(settings: Settings, extra: DynamicModule[]): Promise<INestApplicationContext> {
  const log = new AppLogger(settings);
  const options = { logger: log, abortOnError: false };
  const module = AppModule.for(settings, timings, extra);
  if (settings.PROCESS_ROLE === 'worker') return NestFactory.createApplicationContext(module, options);
  const app = await NestFactory.create<NestFastifyApplication>(module, httpAdapter(settings, timings, log), {
    ...options,
    bodyParser: false,
  });
  await setupApp(app);
  await app.listen({ host: settings.HOST, port: settings.PORT });
  return app;
}

/** The app first, the engines last; a second signal, or too long a wait, cuts it short. */
function endInOrder(app: INestApplicationContext, engines: Engines | null): void {
  let ending = false;
  const end = async (status: number): Promise<void> => {
    ending = true;
    audit.log({ msg: 'Stopping', action: 'sys_shutdown' });
    const cut = setTimeout(() => process.exit(1), timings.shutdown_ms).unref();
    await app.close();
    clearTimeout(cut);
    await engines?.stop();
    process.exit(status);
  };
  const endOrFail = (status: number): void => {
    end(status).catch((error: unknown) => {
      new Logger('Shutdown').error(error);
      process.exit(1);
    });
  };
  const onSignal = (): void => (ending ? process.exit(1) : endOrFail(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
  // Whoever started us is gone: so are we.
  process.on('disconnect', onSignal);
  // Nobody knows what state it leaves behind; Node itself would print it with all that hangs on it.
  process.on('uncaughtException', (error) => {
    new Logger('Process').fatal(error);
    if (!ending) endOrFail(1);
  });
}

function exitStatus(error: unknown): number {
  if (error instanceof InvalidSettingsError) return EX_CONFIG;
  return (error as Partial<Error>).name === 'AlreadyRunningError' ? EX_TEMPFAIL : 1;
}

/** What we refuse ourselves is a sentence; anything else comes with its stack, and goes where logs go. */
function printable(error: unknown): string {
  if (!(error instanceof Error)) return 'What was thrown is no Error';
  if (exitStatus(error) !== 1 || error.name === 'EngineError') return error.message;
  const filter = new PIIRedactionFilter();
  return (error.stack ?? error.message)
    .split('\n')
    .map((line) => filter.redactText(line))
    .join('\n');
}

try {
  await main(rawSettings());
} catch (error) {
  process.stderr.write(`${printable(error)}\n`);
  process.exit(exitStatus(error));
}
