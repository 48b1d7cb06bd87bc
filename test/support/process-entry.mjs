// One process of the shipped build, for tests that kill it or run two. What main.ts reads from the environment comes as
// JSON in TEST_PROCESS. Reaching the checkpoint `die_at` ends it as a power cut would: with `die_with` requests there, or
// with as many as come within a moment. At the checkpoint `stop_at` it stops, once, until somebody has it continue.
import { AppModule } from '../../dist/src/app.module.js';
import { httpAdapter, setupApp } from '../../dist/src/app.setup.js';
import { Checkpoints } from '../../dist/src/common/checkpoints.js';
import { AppLogger } from '../../dist/src/common/logging/app-logger.js';
import { readSettings } from '../../dist/src/config/read-settings.js';
import { Settings } from '../../dist/src/config/settings.js';
import { Timings } from '../../dist/src/config/timings.js';
import { NestFactory } from '@nestjs/core';
import { setTimeout as sleep } from 'node:timers/promises';

const { raw, timings: spans, die_at, die_with = 1, stop_at } = JSON.parse(process.env.TEST_PROCESS);
const settings = Object.freeze(Object.assign(new Settings(), readSettings(raw), { PORT: 0, OPS_PORT: 0 }));
const timings = new Timings(spans);
const module = AppModule.for(settings, timings);
const logger = new AppLogger(settings);
const options = { logger, abortOnError: false };

const MOMENT_MS = 1_500;
let reached = 0;
let stopped = false;
Checkpoints.prototype.reach = async (name) => {
  if (name === die_at) {
    reached += 1;
    if (reached < die_with) await sleep(MOMENT_MS);
    process.kill(process.pid, 'SIGKILL');
  }
  if (name === stop_at && !stopped) {
    stopped = true;
    await new Promise((woken) => {
      process.send({ stopped }, () => {
        process.kill(process.pid, 'SIGSTOP');
        woken();
      });
    });
  }
};

async function boot() {
  if (settings.PROCESS_ROLE === 'worker') {
    return { app: await NestFactory.createApplicationContext(module, options), url: '' };
  }
  const app = await NestFactory.create(module, httpAdapter(settings, timings, logger), {
    ...options,
    bodyParser: false,
  });
  await setupApp(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, url: `http://127.0.0.1:${app.getHttpServer().address().port}` };
}

const { app, url } = await boot();
const end = () => void app.close().then(() => process.exit(0));
process.on('SIGTERM', end);
process.on('disconnect', end);
process.send({ url });
