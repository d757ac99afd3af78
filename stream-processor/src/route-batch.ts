import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import type { IncomingRecord, OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import type { DeadReason, FailureClass, Outcome } from "@fiberstream/runtime/outcome";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { TimePolicy } from "./decode/event-time.ts";
import type { RawEvent } from "./decode/raw-event.ts";
import type { Enrich } from "./enrich/enrich.ts";
import type { NodeLookup } from "./nodes/node-lookup.ts";
import { type BatchBooks, createBatchBooks } from "./reconciliation/batch-books.ts";
import { type PartitionWindows, positionOfRecord } from "./windows/partition-windows.ts";
import type { WindowCheckpoint } from "./windows/window-checkpoint.ts";

export type RouteSteps = {
  timePolicy: TimePolicy;
  windows: PartitionWindows;
  enrich: Enrich;
  alertRecord: (alert: ProbeAlert) => OutgoingRecord;
  groupId: string;
};

export type BatchCounts = {
  ok: number;
  duplicates: number;
  late: number;
  alerts: number;
  /** Records whose timestamps were too far ahead to be used. */
  ahead: number;
  dead: Map<FailureClass, number>;
};

/** The result of preparing a batch: all records to write, and the counts for the metrics. */
export type PreparedBatch = {
  enriched: OutgoingRecord[];
  /** The source of each enriched record. */
  sources: { record: IncomingRecord; event: RawEvent }[];
  alerts: OutgoingRecord[];
  deadLetters: OutgoingRecord[];
  books: BatchBooks;
  /** From which the next owner rebuilds the windows as they are after the batch. */
  windows: Pick<WindowCheckpoint, "from" | "clockMs" | "partitions">;
  counts: BatchCounts;
};

/**
 * Decides what becomes of each record of a batch: an enriched record, a dead letter, or nothing if it is a duplicate.
 * Synchronous, so that the windows advance by the whole batch or not at all.
 */
export function routeBatch(
  batch: RecordBatch,
  outcomes: readonly Outcome<RawEvent>[],
  nodes: Awaited<ReturnType<NodeLookup>>,
  steps: RouteSteps,
): PreparedBatch {
  const { windows, timePolicy, enrich, alertRecord } = steps;
  const window = windows.at(batch.partition, batch.firstOffset);
  const counts: BatchCounts = {
    ok: 0,
    duplicates: 0,
    late: 0,
    alerts: 0,
    ahead: 0,
    dead: new Map(),
  };
  const prepared: PreparedBatch = {
    enriched: [],
    sources: [],
    // The same alerts again, where the nodes' events are now: the next owner reads only this partition.
    alerts: window.takeMoved().map(alertRecord),
    deadLetters: [],
    books: createBatchBooks(),
    windows: { from: batch.firstOffset, clockMs: 0, partitions: window.partitions },
    counts,
  };
  const { books } = prepared;
  batch.records.forEach((record, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined) return;
    if (outcome.kind === "dead") {
      const { reason } = outcome;
      prepared.deadLetters.push(deadLetterFor(record, reason, batch, steps.groupId, "decode"));
      books.dead(record);
      counts.dead.set(reason.failureClass, (counts.dead.get(reason.failureClass) ?? 0) + 1);
      return;
    }
    const event = outcome.value;
    books.read(event);
    const { isDuplicate, anomaly, alerts } = window.judge(event, positionOfRecord(record));
    if (isDuplicate) {
      counts.duplicates++;
      books.leftOut(event);
      return;
    }
    const quality = timePolicy.qualityOf(event);
    const node = nodes.get(event.nodeId);
    const enriched = enrich(record, event, { quality, node, anomaly });
    prepared.enriched.push(enriched);
    prepared.sources.push({ record, event });
    books.written(event, enriched);
    for (const alert of alerts) prepared.alerts.push(alertRecord(alert));
    counts.alerts += alerts.length;
    if (quality === "late") counts.late++;
  });
  counts.ok = prepared.enriched.length;
  counts.ahead = window.takeAhead();
  window.position = batch.nextOffset;
  const { partitions } = window;
  const from = window.neededFrom(batch.nextOffset);
  prepared.windows = { from, clockMs: window.clockMs(), partitions };
  return prepared;
}

/** Returns the dead letter of a raw record; `stage` says where it failed. */
export const deadLetterFor = (
  record: IncomingRecord,
  reason: DeadReason,
  { topic, partition }: RecordBatch,
  groupId: string,
  stage: "decode" | "produce",
): OutgoingRecord =>
  deadLetterOf(
    record,
    { topic, partition, groupId, service: "stream-processor", stage },
    reason,
    new Date(),
  );
