import { isSensitiveKey } from './sensitive-keys.js';
import { hideSensitive } from './sensitive-text.js';

const REDACTED = '[redacted]';
const MAX_TEXT = 1_024;
const MAX_ITEMS = 20;
const MAX_DEPTH = 6;
/** In bytes of JSON. What the logger adds to every line has its room beside this, and together they stay below 8 KB. */
const MAX_BYTES = 7_000;

/** So much of a text is looked at. What the cut goes through may no longer look like what it is: it is dropped whole. */
const WINDOW = 2 * MAX_TEXT;
const LONGEST_SECRET = 320;

/** Control characters, line ends, zero-width and bidirectional marks, halves of characters: they rewrite what a reader sees. */
// oxlint-disable-next-line no-control-regex
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\p{Surrogate}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t` };

/** The forms in which networkOf() writes an address, which may be told. */
const NETWORK = /^(?:(?:\d{1,3}\.){3}0\/24|[0-9a-f:]{1,20}::\/48|unknown)$/;

/**
 * Keeps personal data and secrets out of the log: by the name of a field at any depth, and by the look of a value inside
 * any text. What it gives back is plain data of bounded size, without line ends or control characters.
 */
export class PIIRedactionFilter {
  /** @returns a copy that may be logged. Does not throw, whatever it is given. */
  redact(value: unknown): unknown {
    return new Copy(this).of(value, 0);
  }

  redactText(text: string): string {
    const shown = visible(hideSensitive(beginningOf(text)));
    return shown.length > MAX_TEXT || text.length > WINDOW ? `${shown.slice(0, MAX_TEXT - 1)}…` : shown;
  }
}

function beginningOf(text: string): string {
  if (text.length <= WINDOW) return text;
  const head = text.slice(0, WINDOW);
  const gap = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\n'));
  return head.slice(0, Math.max(gap, WINDOW - LONGEST_SECRET));
}

const visible = (text: string): string =>
  text.replace(INVISIBLE, (mark) => SHORT[mark] ?? `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** One copy in the making. */
class Copy {
  private readonly above = new Set<object>();
  private bytes = MAX_BYTES;

  constructor(private readonly filter: PIIRedactionFilter) {}

  of(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number' || typeof value === 'bigint') return this.number(value);
    if (typeof value === 'boolean' || value === null) return this.pay(5) ? value : undefined;
    if (typeof value !== 'object') return undefined;
    if (this.above.has(value)) return this.text('[circular]');
    if (depth === MAX_DEPTH) return this.text('[deep]');
    this.above.add(value);
    try {
      return this.object(value, depth + 1);
    } catch {
      return this.text('[unreadable]');
    } finally {
      this.above.delete(value);
    }
  }

  /** Whatever finds no room is left out. */
  private pay(bytes: number): boolean {
    if (bytes > this.bytes) return false;
    this.bytes -= bytes;
    return true;
  }

  private text(text: string): string | undefined {
    const shown = this.filter.redactText(text);
    return this.pay(Buffer.byteLength(JSON.stringify(shown)) + 1) ? shown : undefined;
  }

  /** One that is long enough to be a card's is looked at as a text. */
  private number(value: number | bigint): unknown {
    const text = String(value);
    const isPlain = typeof value === 'number' && (text.length < 13 || this.filter.redactText(text) === text);
    return isPlain && this.pay(text.length + 1) ? value : this.text(text);
  }

  private object(value: object, depth: number): unknown {
    if (value instanceof Date) return this.text(Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString());
    if (value instanceof URL) return this.text(value.href);
    if (ArrayBuffer.isView(value)) return this.text(`[${value.byteLength} bytes]`);
    if (value instanceof Error) return this.fields(Object.entries(told(value)), depth);
    if (value instanceof Map) return this.fields(value, depth);
    if (Array.isArray(value) || value instanceof Set) return this.items(value, depth);
    return this.fields(ownEntries(value), depth);
  }

  private items(items: Iterable<unknown>, depth: number): unknown[] {
    const copies: unknown[] = [];
    if (!this.pay(2)) return copies;
    for (const item of items) {
      if (copies.length === MAX_ITEMS) break;
      const copy = this.of(item, depth);
      if (copy === undefined && !this.pay(5)) break;
      copies.push(copy ?? null);
    }
    return copies;
  }

  private fields(entries: Iterable<[unknown, unknown]>, depth: number): Record<string, unknown> {
    const copies: [string, unknown][] = [];
    if (!this.pay(2)) return {};
    for (const [key, value] of entries) {
      const name = this.text(String(key));
      if (name === undefined) break;
      copies.push([name, isSensitiveKey(String(key)) ? this.hidden(value) : this.of(value, depth)]);
    }
    return Object.fromEntries(copies);
  }

  /** Whether something is set, and yes or no, gives nobody away. */
  private hidden(value: unknown): unknown {
    if (value === null || typeof value === 'boolean') return this.of(value, 0);
    if (value === undefined || typeof value === 'function') return undefined;
    return this.text(typeof value === 'string' && NETWORK.test(value) ? value : REDACTED);
  }
}

function* ownEntries(value: object): Generator<[string, unknown]> {
  for (const key in value) if (Object.hasOwn(value, key)) yield [key, (value as Record<string, unknown>)[key]];
}

interface Thrown extends Error {
  readonly code?: unknown;
  readonly errors?: unknown;
}

/**
 * What a line says of an error. No more: drivers hang statements, parameters and whole connections on theirs. Its code
 * is called otherwise, since `code` is also what people are sent to prove who they are.
 */
function told({ name, code, message, stack = '', cause, errors }: Thrown): object {
  return { type: name, error_code: code, message, stack: framesOf(stack, message), cause, errors };
}

/** Without the message, which stands before them with all its lines. */
function framesOf(stack: string, message: string): string[] {
  const from = stack.indexOf(message) + message.length;
  const lines = stack.slice(from).split('\n', MAX_ITEMS + 1);
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
}
