import { Writable } from 'node:stream';
import { Logger } from '@nestjs/common';
import type { Principal } from '../../src/common/access.js';
import { AppLogger, AUDIT, LOG_LEVELS, nestLevelsFrom } from '../../src/common/logging/app-logger.js';
import { BoundedOutput, ReadableOutput } from '../../src/common/logging/log-output.js';
import { withRequestContext } from '../../src/common/request-context.js';
import { readSettings } from '../../src/config/read-settings.js';

const ID = '0198b5e2-7f3a-7c11-8a54-3f1c9d2e6b70';

const settings = (changes: Record<string, string> = {}) =>
  readSettings({ NODE_ENV: 'test', ...changes }, { engines: true });

interface Log {
  readonly logger: AppLogger;
  readonly lines: string[];
  /** The lines, parsed. */
  readonly events: () => any[];
}

function newLog(changes?: Record<string, string>): Log {
  const lines: string[] = [];
  const logger = new AppLogger(settings(changes), { write: (line) => lines.push(line) });
  return { logger, lines, events: () => lines.map((line) => JSON.parse(line)) };
}

describe('the log', () => {
  it('says on each line when, how bad, what, and whose it is', () => {
    const { logger, lines, events } = newLog({
      APP_NAME: 'Omni',
      RUN_AS_INTERNAL: '1',
      TRUSTED_PROXY_CIDRS: '10.0.0.0/8',
    });
    logger.log('Something happened', 'Somebody');

    expect(events()).toEqual([
      {
        level: 'info',
        ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        msg: 'Something happened',
        context: 'Somebody',
        service: 'Omni',
        version: '2.0.0',
        env: 'test',
        mode: 'internal',
        role: 'all',
        instance: expect.any(String),
      },
    ]);
    expect(lines).toEqual([expect.stringMatching(/^[^\n]+\n$/)]);
  });

  it('takes fields, errors and stacks as Nest hands them over', () => {
    const { logger, events } = newLog();
    const error = new TypeError('ada@example.com');
    logger.log({ msg: 'fields', rows: 3 }, 'Context');
    logger.warn('with fields', { rows: 4 }, 'Context');
    logger.error(error, undefined, 'Context');
    logger.error('with an error', error, 'Context');
    logger.error('with a stack', error.stack, 'Context');

    const thrown = {
      type: 'TypeError',
      message: '[email]',
      stack: expect.arrayContaining([expect.stringMatching(/^at /)]),
    };
    expect(events()).toMatchObject([
      { level: 'info', msg: 'fields', rows: 3 },
      { level: 'warn', msg: 'with fields', rows: 4 },
      { level: 'error', msg: '[email]', error: thrown },
      { level: 'error', msg: 'with an error', error: thrown },
      { level: 'error', msg: 'with a stack', error: thrown },
    ]);
    expect(events().map(({ context }) => context)).toEqual(Array(5).fill('Context'));
  });

  it('takes what Fastify logs, and not the whole requests with it', () => {
    const { logger, events } = newLog();
    const request = logger.pino.child({ request_id: 'r-1' });
    request.warn({ req: { headers: { cookie: 'c' } }, res: {}, err: new Error('broke'), rows: 1 }, 'Stream failed');
    request.error(new Error('alone'));
    request.info('ada@example.com');

    expect(events()).toMatchObject([
      { request_id: 'r-1', msg: 'Stream failed', error: { message: 'broke' }, rows: 1 },
      { request_id: 'r-1', msg: 'alone', error: { message: 'alone' } },
      { request_id: 'r-1', msg: '[email]' },
    ]);
    expect(events()[0]).not.toHaveProperty('req');
  });

  it('names the request and its user on what is logged on the way, even if the id looks like something else', () => {
    const { logger, events } = newLog();
    const principal = { id: ID, tenant_id: ID } as Principal;
    withRequestContext({ request_id: '4242424242424242', ip: '203.0.113.7', principal }, () =>
      logger.log('hello', 'Here'),
    );

    expect(events()).toMatchObject([{ request_id: '4242424242424242', user_id: ID, tenant_id: ID }]);
    expect(events()[0]).not.toHaveProperty('ip');
  });

  it('lets no field pass for one of its own (L4)', () => {
    const { logger, events, lines } = newLog();
    logger.log({ msg: 'x\n{"level":"fatal"}', level: 'fatal', ts: '1970', service: 'other' }, 'Context');

    expect(events()).toMatchObject([{ level: 'info', level_: 'fatal', ts_: '1970', service_: 'other' }]);
    expect(lines[0]?.match(/\n/g)).toHaveLength(1);
    expect(lines[0]?.match(/"level":/g)).toHaveLength(1);
  });

  it('stays within 8 KB, whatever is logged', () => {
    const { logger, lines } = newLog({ APP_NAME: 'x'.repeat(200) });
    const long = '\ud800漢"\\'.repeat(10_000);
    logger.error(long, { long, list: Array(1_000).fill(long) }, new Error(long, { cause: new Error(long) }), long);

    expect(Buffer.byteLength(lines[0] ?? '')).toBeLessThan(8 * 1_024);
    expect(() => JSON.parse(lines[0] ?? '')).not.toThrow();
  });

  it('keeps for whoever debugs what Nest tells while it starts', () => {
    const { logger, lines } = newLog();
    logger.log('UsersModule dependencies initialized', 'InstanceLoader');
    expect(lines).toEqual([]);
    logger.setLogLevels(nestLevelsFrom('debug'));
    logger.log('UsersModule dependencies initialized', 'InstanceLoader');
    expect(lines).toHaveLength(1);
  });
});

describe('the level', () => {
  const all = ({ logger }: Log): void => {
    logger.verbose('x');
    logger.debug('x');
    logger.log('x');
    logger.warn('x');
    logger.error('x');
    logger.fatal('x');
  };

  it.each(LOG_LEVELS)('%s is the least that is written, from the start and when it is changed', (level) => {
    const expected = LOG_LEVELS.slice(LOG_LEVELS.indexOf(level));
    const started = newLog({ LOG_LEVEL: level });
    const changed = newLog();
    changed.logger.setLogLevels(nestLevelsFrom(level));
    for (const log of [started, changed]) {
      all(log);
      expect(log.events().map((event) => event.level)).toEqual(expected);
    }
  });

  it('reaches the loggers of requests that are under way', () => {
    const { logger, lines } = newLog();
    const request = logger.pino.child({}, {});
    logger.setLogLevels(nestLevelsFrom('error'));
    request.warn('no');
    logger.setLogLevels(nestLevelsFrom('trace'));
    request.trace('yes');
    expect(lines).toEqual([expect.stringContaining('"yes"')]);
  });

  it.each(LOG_LEVELS)('L9: does not silence what is audited, started with %s', (level) => {
    const { logger, events } = newLog({ LOG_LEVEL: level });
    Logger.overrideLogger(logger);
    Logger.overrideLogger(nestLevelsFrom('fatal'));
    new Logger(AUDIT).log({ msg: 'Log level changed', action: 'sys_log_level_changed' });
    new Logger('Else').error('no');

    expect(events()).toMatchObject([{ category: 'audit', msg: 'Log level changed', action: 'sys_log_level_changed' }]);
  });
});

describe('an output that nobody reads (L8)', () => {
  /** Takes nothing until it is opened. */
  class Tap extends Writable {
    readonly taken: string[] = [];
    private waiting: (() => void)[] | null = [];

    override _write(chunk: Buffer, _: string, done: () => void): void {
      const take = (): void => {
        this.taken.push(String(chunk));
        done();
      };
      if (this.waiting) this.waiting.push(take);
      else take();
    }

    async open(): Promise<void> {
      const waiting = this.waiting ?? [];
      this.waiting = null;
      for (const take of waiting) take();
      while (this.writableLength > 0) await new Promise(setImmediate);
    }
  }

  it('holds a megabyte, drops the rest, and tells how much once it is read again', async () => {
    const tap = new Tap();
    const output = new BoundedOutput(tap);
    for (let count = 0; count < 5_000; count++) output.write(`${'x'.repeat(999)}\n`);
    expect(tap.writableLength).toBeLessThan(1_100_000);

    await tap.open();
    const arrived = tap.taken.length;
    output.write('after\n');
    const [report = '', after] = tap.taken.slice(arrived);
    expect(JSON.parse(report)).toMatchObject({ level: 'warn', dropped: 5_000 - arrived });
    expect(after).toBe('after\n');
  });
});

describe('a line for a person', () => {
  const shown = (log: (logger: AppLogger) => void): string => {
    const written: string[] = [];
    const output = new ReadableOutput({ write: (line) => written.push(line) });
    log(new AppLogger(settings({ LOG_LEVEL: 'trace' }), output));
    // oxlint-disable-next-line no-control-regex
    return written.join('').replaceAll(/\u001b\[\d+m/g, '');
  };

  it('is one line: time, level, who, what, and the rest', () => {
    expect(shown((logger) => logger.log({ msg: 'Mail sent', attempts: 2, why: 'because' }, 'Mail'))).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info  Mail: Mail sent attempts=2 why=because\n$/,
    );
  });

  it('has the frames of an error below it', () => {
    const lines = shown((logger) => logger.error(new Error('broke'), 'Mail')).split('\n');
    expect(lines[0]).toMatch(/ error Mail: broke type=Error message=broke$/);
    expect(lines[1]).toMatch(/^ {4}at .*logger\.spec\.ts/);
  });
});
