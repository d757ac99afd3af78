import { endSpans, sampledTraceparent, startBatchSpans } from "@fiberstream/kafka/batch-spans";
import type { OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import type { OpenSpan, Tracing } from "@fiberstream/runtime/tracing";

/** A batch's part in the traces of its records, for one try. */
export type BatchTrace = {
  /** The records with headers that carry their traces on; those that are not sampled stay as they are. */
  readonly sending: (records: readonly OutgoingRecord[]) => readonly OutgoingRecord[];
  /** @param error what a try that failed threw */
  readonly end: (error?: unknown) => void;
};

export type TraceBatch = (batch: RecordBatch) => BatchTrace;

/** @param options.tracing undefined: headers go on as they came */
export function createTraceBatch(options: {
  tracing: Tracing | undefined;
  groupId: string;
  /** Where the enriched records go. */
  topic: string;
}): TraceBatch {
  const { tracing, groupId, topic } = options;
  if (tracing === undefined) return () => UNTRACED;
  return (batch) => {
    const processing = startBatchSpans(tracing, [batch], groupId);
    if (processing.size === 0) return UNTRACED;
    const sends = new Map<string, OpenSpan>();
    /** One for each span that its records came from. */
    const sendOf = (traceparent: string, parent: OpenSpan): OpenSpan => {
      let send = sends.get(traceparent);
      if (send === undefined) {
        send = tracing.startSpan({
          name: `send ${topic}`,
          kind: "producer",
          parent: parent.traceparent,
          attributes: {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
          },
        });
        sends.set(traceparent, send);
      }
      return send;
    };
    return {
      sending: (records) =>
        records.map((record) => {
          const came = sampledTraceparent(record.headers);
          const parent = came === undefined ? undefined : processing.get(came);
          if (came === undefined || parent === undefined) return record;
          const { traceparent } = sendOf(came, parent);
          return { ...record, headers: { ...record.headers, traceparent } };
        }),
      end: (error) => {
        endSpans(sends, error);
        endSpans(processing, error);
      },
    };
  };
}

const UNTRACED: BatchTrace = { sending: (records) => records, end: () => undefined };
