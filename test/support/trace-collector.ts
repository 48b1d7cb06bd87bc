import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atEnd } from './clean-up.js';
import { eventually } from './eventually.js';

/** A span, as OTLP has it in JSON. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}

const running = new Set<TraceCollector>();
atEnd(async () => {
  for (const collector of running) await collector.stop();
});

/**
 * Takes traces as a collector does, on a real socket.
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export class TraceCollector {
  /** All that has come, as it came. */
  text = '';
  readonly spans: Span[] = [];

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.take(Buffer.concat(parts).toString());
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    running.add(this);
  }

  static async start(): Promise<TraceCollector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TraceCollector(server);
  }

  /** JavaScript with which a process is told to send its traces here. */
  get preload(): string {
    const { port } = this.server.address() as AddressInfo;
    const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: '100' };
    const main = new URL('../../dist/src/tracing/tracing.main.js', `file://${__filename}`);
    return `Object.assign(process.env, ${JSON.stringify(variables)}); await import('${main.href}');`;
  }

  /** The trace of the first span of this name, once it has all of these steps. */
  trace(first: string, ...steps: readonly RegExp[]): Promise<readonly Span[]> {
    return eventually(() => {
      const begun = this.spans.filter(({ name }) => name === first).map(({ traceId }) => traceId);
      const traces = begun.map((id) => this.spans.filter(({ traceId }) => traceId === id));
      const whole = traces.find((spans) => steps.every((step) => spans.some(({ name }) => step.test(name))));
      if (whole) return whole;
      const seen = traces.map((spans) => spans.map(({ name }) => name).join(', ')).join(' | ');
      throw new Error(`No trace of ${first} has all of ${steps.join(' ')}: ${seen}`);
    });
  }

  /** When it has come. */
  span(id: string): Promise<Span> {
    return eventually(() => this.spans.find(({ spanId }) => spanId === id) ?? false);
  }

  /** The steps of a trace that hang on none of its others. */
  beginnings(id: string): readonly Span[] {
    const spans = this.spans.filter(({ traceId }) => traceId === id);
    const known = new Set(spans.map(({ spanId }) => spanId));
    return spans.filter(({ parentSpanId }) => !parentSpanId || !known.has(parentSpanId));
  }

  async stop(): Promise<void> {
    if (!running.delete(this)) return;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(text: string): void {
    this.text += text;
    for (const { scopeSpans } of JSON.parse(text).resourceSpans)
      for (const { spans } of scopeSpans) this.spans.push(...spans);
  }
}
