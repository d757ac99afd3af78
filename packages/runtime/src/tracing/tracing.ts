import { z } from "zod";
import type { Log } from "../logging/log.ts";
import { type ConfigOf, setting, wholeNumber } from "../settings/settings.ts";

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** A piece of work that is under way, in a trace that is sampled. */
export type OpenSpan = {
  readonly traceId: string;
  /** For what goes on from here, in another process or in this one. */
  readonly traceparent: string;
  /** @param result.error a bounded word for what went wrong, never a message: those may quote a payload */
  readonly end: (result?: { attributes?: SpanAttributes; error?: string }) => void;
};

export type Tracing = {
  /**
   * Begins a span now.
   * @param span.parent a `traceparent`; without one a trace begins
   */
  readonly startSpan: (span: {
    name: string;
    kind: "server" | "producer" | "consumer" | "client";
    parent?: string;
    attributes: SpanAttributes;
  }) => OpenSpan;
  /** Sends what has ended, for 2 s at most. Never rejects. */
  readonly close: () => Promise<void>;
};

/** The exporter reads the other OTEL_EXPORTER_OTLP_* variables itself. */
export const tracingSettings = () => ({
  otlpEndpoint: setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    z.url({ protocol: /^https?$/ }).optional(),
    "collector of traces (OTLP over HTTP, as JSON), e.g. http://localhost:4318; without one nothing is traced",
  ),
  spanDelayMs: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    wholeNumber({ min: 1, max: 600_000 }).default(5_000),
    "how often spans are sent to it, ms",
  ),
  spanQueueSize: setting(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    wholeNumber({ min: 1, max: 1_000_000 }).default(2_048),
    "how many spans wait to be sent, about 2 KB each; past it they are dropped",
  ),
});

/**
 * Makes ready to export spans. Without an endpoint OpenTelemetry is not even loaded: it takes 25 MB, and
 * most processes run without.
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
