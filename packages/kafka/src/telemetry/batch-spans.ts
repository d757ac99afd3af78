import { readTraceparent } from "@fiberstream/runtime/trace-context";
import type { OpenSpan, Tracing } from "@fiberstream/runtime/tracing";
import type { RecordBatch, RecordHeaders } from "../records.ts";

/** The spans of a batch: one for each sampled `traceparent` of its records. */
export type BatchSpans = ReadonlyMap<string, OpenSpan>;

/**
 * Begins the spans of batches that are processed together: all records of a request share one, as a child of the span
 * that sent them.
 *
 * A record without headers, as nearly all are, costs 1 ns.
 */
export function startBatchSpans(
  tracing: Tracing,
  batches: readonly RecordBatch[],
  groupId: string,
): BatchSpans {
  const counts = countRecords(batches);
  if (counts === undefined) return NO_SPANS;
  const [first] = batches;
  const spans = new Map<string, OpenSpan>();
  for (const [traceparent, records] of counts) {
    const span = tracing.startSpan({
      name: `process ${first?.topic}`,
      kind: "consumer",
      parent: traceparent,
      attributes: {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": first?.topic ?? "",
        "messaging.consumer.group.name": groupId,
        "messaging.batch.message_count": records,
        ...(batches.length === 1 && {
          "messaging.destination.partition.id": String(first?.partition),
        }),
      },
    });
    spans.set(traceparent, span);
  }
  return spans;
}

/** @param thrown the error of the work; undefined if it succeeded */
export function endSpans(spans: BatchSpans, thrown?: unknown): void {
  const error = thrown instanceof Error ? thrown.name : "unknown";
  for (const { end } of spans.values()) end(thrown === undefined ? {} : { error });
}

/** Returns the `traceparent` of a record if its trace is sampled. */
export function sampledTraceparent(headers: RecordHeaders | undefined): string | undefined {
  const text = traceparentIn(headers);
  return text !== undefined && readTraceparent(text)?.isSampled ? text : undefined;
}

/** Returns a record's trace id, for a log line. */
export function traceIdOf(headers: RecordHeaders | undefined): string | undefined {
  const text = traceparentIn(headers);
  return text === undefined ? undefined : readTraceparent(text)?.traceId;
}

function traceparentIn(headers: RecordHeaders | undefined): string | undefined {
  const header = headers?.["traceparent"];
  if (header === undefined) return undefined;
  return String(Array.isArray(header) ? header[0] : header);
}

const NO_SPANS: BatchSpans = new Map();

/** @returns undefined if no record's trace is sampled */
function countRecords(batches: readonly RecordBatch[]): Map<string, number> | undefined {
  let counts: Map<string, number> | undefined;
  for (const { records } of batches) {
    for (const { headers } of records) {
      const traceparent = sampledTraceparent(headers);
      if (traceparent === undefined) continue;
      counts ??= new Map();
      counts.set(traceparent, (counts.get(traceparent) ?? 0) + 1);
    }
  }
  return counts;
}
