import { z } from "zod";
import type { Log } from "../logging/log.ts";
import { type ConfigOf, setting, wholeNumber } from "../settings/settings.ts";

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** A span in progress, in a sampled trace. */
export type OpenSpan = {
  readonly traceId: string;
  /** For child spans, in this process or another one. */
  readonly traceparent: string;
  /** @param result.error an error class, never a message, which may quote a payload */
  readonly end: (result?: { attributes?: SpanAttributes; error?: string }) => void;
};

export type Tracing = {
  /**
   * Starts a span.
   * @param span.parent a `traceparent`; without one, a new trace starts
   * @param span.begunMsAgo for what has begun before; by default 0
   */
  readonly startSpan: (span: {
    name: string;
    kind: "server" | "producer" | "consumer" | "client";
    parent?: string;
    begunMsAgo?: number;
    attributes: SpanAttributes;
  }) => OpenSpan;
  /** Sends the spans that have ended, for at most 2 s. Never rejects. */
  readonly close: () => Promise<void>;
};

/** The exporter reads the other OTEL_EXPORTER_OTLP_* variables itself. */
export const tracingSettings = () => ({
  otlpEndpoint: setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    z.url({ protocol: /^https?$/ }).optional(),
    "address of the trace collector (OTLP over HTTP, as JSON), e.g. http://localhost:4318; if it is not set, tracing is off",
  ),
  spanDelayMs: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    wholeNumber({ min: 1, max: 600_000 }).default(5_000),
    "interval at which spans are sent to it, ms",
  ),
  spanQueueSize: setting(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    wholeNumber({ min: 1, max: 1_000_000 }).default(2_048),
    "maximum number of spans waiting to be sent, about 2 KB each; more are dropped",
  ),
});

/**
 * Starts exporting spans. Without an endpoint OpenTelemetry is not loaded: it takes 25 MB, and most processes run
 * without it.
 *
 * @returns undefined without an endpoint
 */
export async function startTracing(options: {
  config: ConfigOf<ReturnType<typeof tracingSettings>>;
  service: string;
  version: string;
  log: Log;
}): Promise<Tracing | undefined> {
  const { otlpEndpoint: endpoint, spanDelayMs, spanQueueSize } = options.config;
  if (endpoint === undefined) return undefined;
  const { createOpenTelemetry } = await import("./open-telemetry.ts");
  options.log.info({ endpoint: new URL(endpoint).origin }, "exporting sampled traces");
  return createOpenTelemetry({ ...options, endpoint, spanDelayMs, spanQueueSize });
}
