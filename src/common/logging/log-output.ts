import type { Writable } from 'node:stream';

/** Where finished lines go. */
export interface LogOutput {
  write(line: string): void;
}

/** In bytes: so much waits for whoever reads slowly. */
const MAX_WAITING = 1024 * 1024;

/**
 * Hands lines to a stream that may be full or closed: then they are dropped and counted, and the application serves on.
 * Before the next line that finds room goes one that tells how many are missing.
 */
export class BoundedOutput implements LogOutput {
  private dropped = 0;

  constructor(private readonly stream: Writable) {
    // An error that nobody hears ends the process.
    stream.on('error', () => undefined);
  }

  write(line: string): void {
    if (this.stream.writableLength > MAX_WAITING) {
      this.dropped += 1;
      return;
    }
    if (this.dropped > 0) this.tell();
    this.hand(line, 1);
  }

  private tell(): void {
    const { dropped } = this;
    const line = { level: 'warn', ts: new Date().toISOString(), dropped, msg: 'Log lines are missing here' };
    this.dropped = 0;
    this.hand(`${JSON.stringify(line)}\n`, dropped);
  }

  /** @param lines - so many are missing when this one does not arrive. */
  private hand(line: string, lines: number): void {
    this.stream.write(line, (error) => {
      if (error) this.dropped += lines;
    });
  }
}

/** The same on every line of a process: of no use to somebody who sits before it. */
const CONSTANT = new Set(['service', 'version', 'env', 'mode', 'role', 'instance']);
const COLOURS: Readonly<Record<string, number>> = { warn: 33, error: 31, fatal: 31 };

/** For a person at a terminal: one line for an event, and below it the frames of a stack. */
export class ReadableOutput implements LogOutput {
  constructor(private readonly output: LogOutput) {}

  write(line: string): void {
    this.output.write(readable(JSON.parse(line) as Record<string, unknown>));
  }
}

function readable({ ts, level, context, msg, error, ...fields }: Record<string, unknown>): string {
  const { stack = [], ...failure } = (error ?? {}) as { stack?: string[] };
  const rest = Object.entries({ ...fields, ...failure })
    .filter(([name]) => !CONSTANT.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const time = String(ts).slice('2026-01-01T'.length, -1);
  const head = [
    time,
    colour(String(level).padEnd(5), COLOURS[String(level)]),
    typeof context === 'string' && `${context}:`,
    msg,
  ];
  const line = [...head, colour(rest.join(' '), 2)].filter(Boolean).join(' ');
  return `${[line, ...stack.map((frame) => `    ${frame}`)].join('\n')}\n`;
}

const colour = (text: string, code: number | undefined): string =>
  text && code ? `\u001b[${code}m${text}\u001b[0m` : text;
