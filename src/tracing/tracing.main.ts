import { register } from 'node:module';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { DiscreetExporter } from './discreet-exporter.js';

/**
 * Traces for whoever asks for them: `node --import ./dist/src/tracing/tracing.main.js dist/src/main.js`, before anything
 * else is loaded. Where they go, how many and under which name is said in OpenTelemetry's own variables
 * (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME): without this file none of them does anything.
 * @see https://opentelemetry.io/docs/languages/sdk-configuration/
 */
// Without this list every module there is would be wrapped, and a start take several times as long.
const include = ['http', 'https', 'pg', 'ioredis'].flatMap((name) => [name, `node:${name}`]);
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url, { data: { include } });
const provider = new NodeTracerProvider({
  resource: defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'omni' }))
    .merge(detectResources({ detectors: [envDetector] })),
  spanProcessors: [new BatchSpanProcessor(new DiscreetExporter(new OTLPTraceExporter()))],
});
provider.register();
registerInstrumentations({
  instrumentations: [
    // Probes are many and say nothing.
    new HttpInstrumentation({ ignoreIncomingRequestHook: ({ url = '' }) => url.startsWith('/health/') }),
    // Statements are shown without what was put into them.
    new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (command) => command }),
  ],
});
// main.ts ends the process itself, as soon as everything else has ended; what does not listen ends as it would without us.
async function flush(signal: NodeJS.Signals): Promise<void> {
  await provider.forceFlush().catch(() => undefined);
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void flush(signal));
