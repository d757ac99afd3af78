import { endSpans, startBatchSpans } from "@fiberstream/kafka/batch-spans";
import type { RecordBatch } from "@fiberstream/kafka/records";
import type { SpanAttributes, Tracing } from "@fiberstream/runtime/tracing";

/** The spans of a write in the traces of its records. */
export type WriteTrace = {
  /** Runs the work that writes rows into the table, in a span. */
  readonly copying: <T>(rows: number, work: () => Promise<T>) => Promise<T>;
  /** @param error what a failed write threw */
  readonly end: (error?: unknown) => void;
};

export type TraceWrite = (batches: readonly RecordBatch[]) => WriteTrace;

/** @param options.tracing undefined: nothing is traced */
export function createTraceWrite(options: {
  tracing: Tracing | undefined;
  groupId: string;
  databaseUrl: string;
}): TraceWrite {
  const { tracing, groupId } = options;
  if (tracing === undefined) return () => UNTRACED;
  const database = describeDatabase(options.databaseUrl);
  return (batches) => {
    const processing = startBatchSpans(tracing, batches, groupId);
    if (processing.size === 0) return UNTRACED;
    return {
      copying: async (rows, work) => {
        const copies = new Map(
          Array.from(processing, ([context, { traceparent }]) => [
            context,
            tracing.startSpan({
              name: "COPY metrics",
              kind: "client",
              parent: traceparent,
              attributes: { ...database, "db.operation.batch.size": rows },
            }),
          ]),
        );
        try {
          const result = await work();
          endSpans(copies);
          return result;
        } catch (error) {
          endSpans(copies, error);
          throw error;
        }
      },
      end: (error) => endSpans(processing, error),
    };
  };
}

const UNTRACED: WriteTrace = { copying: (_, work) => work(), end: () => undefined };

function describeDatabase(databaseUrl: string): SpanAttributes {
  const { hostname, port, pathname } = new URL(databaseUrl);
  return {
    "db.system.name": "postgresql",
    "db.namespace": pathname.slice(1),
    "db.operation.name": "COPY",
    "db.collection.name": "metrics",
    "server.address": hostname,
    "server.port": Number(port === "" ? 5_432 : port),
  };
}
