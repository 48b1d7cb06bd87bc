import { Controller, Get, Injectable, Module, type BeforeApplicationShutdown } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Public } from '../../src/common/access.js';
import { Finishes } from '../../src/common/lifecycle.js';
import { Database } from '../../src/database/database.js';
import { startApp, type TestApp } from '../support/app.js';
import { sendTo } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { Signal } from '../support/signal.js';

let begun: Signal;
let go: Signal;

/** Takes as long as the test wants, and needs the database at its end. */
@Controller('slow')
class SlowController {
  constructor(private readonly database: Database) {}

  @Get()
  @Public()
  async answer(): Promise<{ rows: number }> {
    begun.give();
    await go.given;
    return { rows: (await this.database.call('SELECT 1')).length };
  }
}

@Module({ controllers: [SlowController] })
class SlowModule {}

/** Keeps a shutdown where it serves on, until the test has seen that it does. */
@Injectable()
class Keeper implements BeforeApplicationShutdown {
  beforeApplicationShutdown(): Promise<void> {
    return go.given;
  }
}

@Module({ providers: [Keeper] })
class KeeperModule {}

/** Has something to finish, behind the answers, for as long as the test wants. */
@Injectable()
class Finisher {
  tooLate: AbortSignal | undefined;

  @Finishes({})
  finish(tooLate: AbortSignal): Promise<void> {
    this.tooLate = tooLate;
    return go.given;
  }
}

@Module({ providers: [Finisher] })
class FinisherModule {}

/** An app that is answering one slow request. */
async function busyApp(timings: { drain_ms: number }) {
  [begun, go] = [new Signal(), new Signal()];
  const app = await startApp({ modules: [SlowModule], timings });
  const slow = app.request('GET', '/slow');
  await begun.given;
  return { app, slow };
}

const readiness = async (url: string): Promise<string> => {
  const { status, body } = await sendTo(url)('GET', '~/health/ready');
  return `${status} ${body.status}`;
};
const refused = (app: TestApp) => expect(app.request('GET', '~/health/live')).rejects.toThrow('fetch failed');

describe('a shutdown', () => {
  it('first says that it is not ready, and goes on serving for a while', async () => {
    go = new Signal();
    const app = await startApp({ modules: [KeeperModule] });
    const ada = await app.signUp();
    const closed = app.close();

    await eventually(async () => expect(await readiness(app.url)).toBe('503 draining'));
    const answer = await ada.get('/users/me');
    expect(answer.body).toEqual(ada.user);
    expect(answer.headers.get('connection')).toBe('close');
    expect((await app.request('GET', '~/health/live')).status).toBe(200);

    go.give();
    await closed;
    await refused(app);
  });

  it('serves for as long as a balancer is to have for leaving', async () => {
    const app = await startApp({ timings: { drain_ms: 1_000 } });
    const server = (app.app as NestFastifyApplication).getHttpServer();
    const began = performance.now();
    const closed = app.close();
    await eventually(() => !server.listening);

    // A timer may be a moment early by this clock.
    expect(performance.now() - began).toBeGreaterThan(990);
    await closed;
  });

  it('takes nobody new while it waits for what goes on behind the answers', async () => {
    go = new Signal();
    const app = await startApp({ modules: [FinisherModule], timings: { shutdown_ms: 60_000 } });
    const finisher = app.app.get(Finisher, { strict: false });
    const ends: string[] = [];
    const closed = app.close().then(() => ends.push('closed'));

    await eventually(() => refused(app));
    expect([ends, finisher.tooLate?.aborted]).toEqual([[], false]);
    go.give();
    await closed;
  });

  it('tells what goes on for too long to break off, and does not wait for what does not', async () => {
    go = new Signal();
    const app = await startApp({ modules: [FinisherModule], timings: { shutdown_ms: 2_000 } });
    const finisher = app.app.get(Finisher, { strict: false });
    await app.close();

    expect(finisher.tooLate?.aborted).toBe(true);
    go.give();
  });

  it('lets what is under way come to its end, the database too (R2, R3)', async () => {
    const { app, slow } = await busyApp({ drain_ms: 50 });
    const order: string[] = [];
    const closed = app.close().then(() => order.push('closed'));
    const answered = slow.then((answer) => {
      order.push('answered');
      return answer;
    });

    await eventually(() => refused(app));
    expect(order).toEqual([]);
    go.give();

    expect((await answered).body).toEqual({ rows: 1 });
    await closed;
    expect(order).toEqual(['answered', 'closed']);
  });

  it('closes the ops port last: until then it says that the process lives and is not ready (R3)', async () => {
    const { app, slow } = await busyApp({ drain_ms: 50 });
    const ops = app.opsUrl;
    const closed = app.close();

    await eventually(() => refused(app));
    expect(await readiness(ops)).toBe('503 draining');
    expect((await sendTo(ops)('GET', '~/health/live')).status).toBe(200);

    go.give();
    await slow;
    await closed;
    await expect(sendTo(ops)('GET', '~/health/live')).rejects.toThrow('fetch failed');
  });

  it('does not wait for clients that keep their connections', async () => {
    const app = await startApp({ timings: { keep_alive_ms: 60_000 } });
    await Promise.all(Array.from({ length: 10 }, () => app.request('GET', '~/health/live')));
    const began = performance.now();
    await app.close();

    expect(performance.now() - began).toBeLessThan(30_000);
  });

  it('may be asked for twice', async () => {
    const app = await startApp();
    await Promise.all([app.close(), app.close()]);

    await refused(app);
  });
});
