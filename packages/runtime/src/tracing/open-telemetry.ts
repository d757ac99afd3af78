import { setTimeout as delay } from "node:timers/promises";
import {
  type Context,
  diag,
  type DiagLogger,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from "@opentelemetry/resources";
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Log } from "../logging/log.ts";
import { readTraceparent, traceparentOf } from "./trace-context.ts";
import type { Tracing } from "./tracing.ts";
import { createWallClock } from "../wall-clock.ts";

/** How long a stop waits for the collector. */
const CLOSE_TIMEOUT_MS = 2_000;
const WARN_INTERVAL_MS = 60_000;
const MAX_SPANS_PER_REQUEST = 512;

/**
 * Implements `Tracing` with OpenTelemetry's SDK. Spans are queued and sent in the background. They are dropped when the
 * queue is full or the collector does not accept them: tracing never delays a record.
 *
 * @param options.endpoint without the path `/v1/traces`
 */
export function createOpenTelemetry(options: {
  endpoint: string;
  spanDelayMs: number;
  spanQueueSize: number;
  service: string;
  version: string;
  log: Log;
}): Tracing {
  const { endpoint, spanQueueSize, service, version, log } = options;
  diag.setLogger(createDiagLog(log), DiagLogLevel.WARN);
  const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.namespace": "fiberstream",
      "service.name": service,
      "service.version": version,
    }).merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })),
    // The gateway decides whether a request is sampled, and only sampled ones get spans.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url }),
        scheduledDelayMillis: options.spanDelayMs,
        maxQueueSize: spanQueueSize,
        maxExportBatchSize: Math.min(spanQueueSize, MAX_SPANS_PER_REQUEST),
      }),
    ],
  });
  const tracer = provider.getTracer("fiberstream", version);
  const nowMs = createWallClock();

  return {
    startSpan: ({ name, kind, parent, begunMsAgo = 0, attributes }) => {
      const startTime = nowMs() - begunMsAgo;
      const span = tracer.startSpan(
        name,
        { kind: KINDS[kind], attributes, startTime },
        parent === undefined ? ROOT_CONTEXT : contextOf(parent),
      );
      const { traceId, spanId } = span.spanContext();
      return {
        traceId,
        traceparent: traceparentOf({ traceId, spanId, isSampled: true }),
        end: ({ attributes: more, error } = {}) => {
          if (more !== undefined) span.setAttributes(more);
          if (error !== undefined) {
            span.setAttribute("error.type", error).setStatus({ code: SpanStatusCode.ERROR });
          }
          span.end(nowMs());
        },
      };
    },
    close: async () => {
      const sent = provider.shutdown().catch(() => undefined);
      await Promise.race([sent, delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
      diag.disable();
    },
  };
}

const KINDS = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
} as const;

function contextOf(traceparent: string): Context {
  const parent = readTraceparent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId } = parent;
  const traceFlags = TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Logs the exporter's errors, at most one a minute: an unavailable collector must not flood the log. */
function createDiagLog(log: Log): DiagLogger {
  let lastMs = -Infinity;
  const warn = (message: string) => {
    if (performance.now() - lastMs < WARN_INTERVAL_MS) return;
    lastMs = performance.now();
    log.warn({ reason: message.slice(0, 300) }, "trace export failed, spans dropped");
  };
  const ignore = () => undefined;
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
}
