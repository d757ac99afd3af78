import { z } from "zod";

/** A span of the viewer. Times are in ms since 1970, with fractions. */
export type SeenSpan = {
  readonly traceId: string;
  readonly spanId: string;
  /** If no span with this id arrives, the parent is in a process that exports no traces. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly service: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly hasFailed: boolean;
  readonly attributes: Readonly<Record<string, string>>;
};

const nanoseconds = z
  .union([z.string(), z.number()])
  // Exact to the microsecond: 2^53 microseconds are 285 years.
  .transform((text) => Number(BigInt(text) / 1_000n) / 1_000);
const shown = (value: z.infer<ReturnType<typeof z.json>> | undefined): string =>
  typeof value === "string" ? value : JSON.stringify(value ?? null);
const attributes = z
  .array(z.object({ key: z.string(), value: z.record(z.string(), z.json()) }))
  .default([])
  .transform((list) =>
    Object.fromEntries(list.map(({ key, value }) => [key, shown(Object.values(value)[0])])),
  );
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  status: z.object({ code: z.number().optional() }).default({}),
});
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }).default({ attributes: {} }),
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
});

const STATUS_ERROR = 2;

/**
 * Parses an ExportTraceServiceRequest of OTLP in its JSON encoding.
 * @throws {z.ZodError} when the body is something else
 */
export function readOtlpSpans(body: unknown): SeenSpan[] {
  return request.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((one) => ({
        traceId: one.traceId,
        spanId: one.spanId,
        parentSpanId: one.parentSpanId === "" ? undefined : one.parentSpanId,
        name: one.name,
        service: resource.attributes["service.name"] ?? "unknown",
        startMs: one.startTimeUnixNano,
        endMs: one.endTimeUnixNano,
        hasFailed: one.status.code === STATUS_ERROR,
        attributes: one.attributes,
      })),
  );
}
