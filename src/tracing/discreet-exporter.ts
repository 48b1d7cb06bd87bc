import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { PIIRedactionFilter } from '../common/logging/pii-redaction.js';

/** What says where somebody is, or what they asked for in so many words. */
const PERSONAL =
  /^(http\.client_ip|client\.|net\.sock\.|net\.peer\.|network\.peer\.|url\.query|user_agent\.|http\.user_agent)/;

/** Exports what says nothing about a person: what a log may hold a trace may hold, and nothing else. */
export class DiscreetExporter implements SpanExporter {
  private readonly filter = new PIIRedactionFilter();

  constructor(private readonly inner: SpanExporter) {}

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.inner.export(
      spans.map((span) => this.discreet(span)),
      done,
    );
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.inner.forceFlush?.();
  }

  private discreet(span: ReadableSpan): ReadableSpan {
    const { message, ...status } = span.status;
    return Object.create(span, {
      attributes: { value: this.redacted(span.attributes), enumerable: true },
      status: { value: message ? { ...status, message: this.filter.redactText(message) } : status, enumerable: true },
      // An exception that was recorded quotes whatever it was about.
      events: { value: [], enumerable: true },
    }) as ReadableSpan;
  }

  private redacted(attributes: Attributes): Attributes {
    const told = Object.entries(attributes).filter(([name]) => !PERSONAL.test(name));
    return Object.fromEntries(
      told.map(([name, value]) => [name, typeof value === 'string' ? this.filter.redactText(pathOnly(value)) : value]),
    );
  }
}

/** A URL or a path without its query. */
const pathOnly = (text: string): string => (/^(https?:\/)?\/\S*\?/.test(text) ? text.replace(/\?.*$/s, '') : text);
