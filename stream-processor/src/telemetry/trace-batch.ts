import { endSpans, sampledTraceparent, startBatchSpans } from "@fiberstream/kafka/batch-spans";
import type { OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import type { OpenSpan, Tracing } from "@fiberstream/runtime/tracing";

/** The spans of a batch in the traces of its records, for one attempt. */
export type BatchTrace = {
  /** Returns the records with headers that continue their traces. Records that are not sampled are unchanged. */
  readonly sending: (records: readonly OutgoingRecord[]) => readonly OutgoingRecord[];
  /** @param error what a failed attempt threw */
  readonly end: (error?: unknown) => void;
};

export type TraceBatch = (batch: RecordBatch) => BatchTrace;

/** @param options.tracing undefined: headers are passed on unchanged */
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
    /** Returns the send span for records of one incoming span. */
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
          const incoming = sampledTraceparent(record.headers);
          const parent = incoming === undefined ? undefined : processing.get(incoming);
          if (incoming === undefined || parent === undefined) return record;
          const { traceparent } = sendOf(incoming, parent);
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
