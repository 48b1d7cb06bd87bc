import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import type { LoggerService, LogLevel as NestLevel } from '@nestjs/common';
import { pino, type Level, type Logger as Pino } from 'pino';
import { modeOf } from '../../config/mode.js';
import type { Settings } from '../../config/settings.js';
import { requestContext } from '../request-context.js';
import { BoundedOutput, ReadableOutput, type LogOutput } from './log-output.js';
import { PIIRedactionFilter } from './pii-redaction.js';

/** The levels, the least important first, and what Nest calls them. */
const NEST_LEVELS = {
  trace: 'verbose',
  debug: 'debug',
  info: 'log',
  warn: 'warn',
  error: 'error',
  fatal: 'fatal',
} as const satisfies Record<Level, NestLevel>;

export const LOG_LEVELS = Object.keys(NEST_LEVELS) as Level[];

/** What `Logger.overrideLogger()` takes to give a running application this level. */
export const nestLevelsFrom = (level: Level): NestLevel[] =>
  LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)).map((one) => NEST_LEVELS[one]);

/** What `new Logger(AUDIT)` logs is written at every level. */
export const AUDIT = 'Audit';

/** What Nest tells while it starts is for whoever debugs it. */
const CHATTER = new Set(['NestFactory', 'NestApplication', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

type Fields = Readonly<Record<string, unknown>>;

/**
 * The application's log: one line of JSON for each event, redacted, whoever writes it. Nest's `Logger` ends here, and
 * Fastify's through {@link pino}.
 */
export class AppLogger implements LoggerService {
  readonly pino: Pino;
  private readonly audit: Pino;

  constructor(settings: Settings, output: LogOutput = standardOutput(settings)) {
    const base = baseOf(settings);
    const reserved = new Set(['level', 'ts', 'msg', ...Object.keys(base)]);
    const filter = new PIIRedactionFilter();
    const options = {
      level: settings.LOG_LEVEL,
      base,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (level: string) => ({ level }) },
      hooks: {
        logMethod(this: Pino, args: unknown[], method: (this: Pino, fields: Fields, msg: unknown) => void) {
          const { request_id, ...event } = eventOf(args);
          const { msg = '', ...fields } = filter.redact(event) as Fields;
          // Checked when it came in, and the same in the answer: it is how a request is found again.
          method.call(this, { ...(request_id !== undefined && { request_id }), ...apart(fields, reserved) }, msg);
        },
      },
    };
    this.pino = pino(options, output);
    this.audit = this.pino.child({ category: 'audit' });
    // A child follows its parent's level until it has one of its own, be it the same.
    this.audit.level = 'trace';
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(CHATTER.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  setLogLevels(levels: NestLevel[]): void {
    this.pino.level = LOG_LEVELS.find((level) => levels.includes(NEST_LEVELS[level])) ?? 'fatal';
  }

  /** @param rest - as Nest has it: what goes with the message, an error's stack as a text among it; the context last. */
  private write(level: Level, message: unknown, rest: unknown[]): void {
    const context = typeof rest.at(-1) === 'string' ? (rest.pop() as string) : undefined;
    const log = context === AUDIT ? this.audit : this.pino;
    const told = typeof message === 'string' ? { msg: message } : fieldsOf(message);
    log[level](Object.assign({ ...whoAsks(), context }, ...rest.map(fieldsOf), told) as Fields);
  }
}

function standardOutput({ NODE_ENV }: Settings): LogOutput {
  const output = new BoundedOutput(process.stdout);
  return NODE_ENV === 'development' && isatty(1) ? new ReadableOutput(output) : output;
}

const baseOf = (settings: Settings): Fields => ({
  service: settings.APP_NAME,
  version: settings.APP_VERSION,
  env: settings.NODE_ENV,
  mode: modeOf(settings).name,
  role: settings.PROCESS_ROLE,
  instance: hostname(),
});

function whoAsks(): Fields {
  const { request_id, principal } = requestContext() ?? {};
  return { request_id, user_id: principal?.id, tenant_id: principal?.tenant_id };
}

/** What goes with a message in Nest's manner. */
function fieldsOf(part: unknown): Fields {
  if (part instanceof Error) return { msg: part.message, error: part };
  if (typeof part === 'string') return { error: fromStack(part) };
  return typeof part === 'object' && part !== null ? (part as Fields) : {};
}

/** An error's stack begins with its name and its message. */
function fromStack(stack: string): Error {
  const [head = ''] = stack.split('\n    at ', 1);
  const [name = 'Error'] = /^\w{1,64}(?=: )/.exec(head) ?? [];
  const message = head.startsWith(`${name}: `) ? head.slice(name.length + 2) : head;
  return Object.assign(new Error(message), { name, stack });
}

/** What Fastify logs: a text; or an error, or fields with whole requests and answers among them, and a text. */
function eventOf([first, text]: unknown[]): Fields {
  if (typeof first !== 'object' || first === null) return { msg: first };
  if (first instanceof Error) return { msg: text ?? first.message, error: first };
  const { err, req: _, res: __, ...fields } = first as Fields;
  return { ...(text !== undefined && { msg: text }), ...(err !== undefined && { error: err }), ...fields };
}

/** The names that are the logger's own say what they say: nobody forges a line by the fields of another. */
const apart = (fields: Fields, reserved: ReadonlySet<string>): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [reserved.has(name) ? `${name}_` : name, value]));
