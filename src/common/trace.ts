import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
} from '@opentelemetry/api';
import { errorLabel } from './condition.js';

/** How a step of a trace is shown. No value may say anything about a person. */
export interface Step {
  /** Of few kinds: no id. */
  readonly name: string;
  readonly kind: 'consumer' | 'client';
  readonly attributes?: Attributes;
  /** What it goes on with, when that was written down elsewhere: a `traceparent`. Else what runs just now. */
  readonly parent?: string | null;
}

const KINDS = { consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT };

/**
 * What runs just now, as others can go on with it; null where nothing is traced (src/tracing/tracing.main.ts).
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparent(): string | null {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier['traceparent'] ?? null;
}

/** Does `work` as a step of a trace; where nothing is traced it is done all the same. */
export function traced<T>({ name, kind, attributes, parent }: Step, work: () => Promise<T>): Promise<T> {
  const from = parent ? propagation.extract(ROOT_CONTEXT, { traceparent: parent }) : context.active();
  const options = { kind: KINDS[kind], ...(attributes && { attributes }) };
  return trace.getTracer('omni').startActiveSpan(name, options, from, async (span) => {
    try {
      return await work();
    } catch (error) {
      // Its own words may quote anything.
      span.setStatus({ code: SpanStatusCode.ERROR, message: errorLabel(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Names the request that runs just now by the template of its route: an id in a name would be a kind of its own. */
export function nameTraceOf(method: string, route: string | undefined): void {
  trace
    .getActiveSpan()
    ?.updateName(`${method} ${route ?? '(none)'}`)
    .setAttributes(route ? { 'http.route': route } : {});
}
