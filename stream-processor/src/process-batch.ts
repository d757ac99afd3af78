import type { Breaker } from "@fiberstream/kafka/breaker";
import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import { PartitionFaultError } from "@fiberstream/kafka/partition-fault";
import type { IncomingRecord, OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import { reducedDeadLetter } from "@fiberstream/kafka/reduced-dead-letter";
import type { GroupTransactions } from "@fiberstream/kafka/transactions/group-transactions";
import { RecordRefusedError } from "@fiberstream/kafka/transactions/record-refused";
import { TransientError } from "@fiberstream/runtime/errors";
import type { DeadReason, FailureClass, Outcome } from "@fiberstream/runtime/outcome";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { createPreparedBatches } from "./commit/prepared-batches.ts";
import type { RawEventDecoder } from "./decode/decode-raw.ts";
import type { TimePolicy } from "./decode/event-time.ts";
import type { RawEvent } from "./decode/raw-event.ts";
import type { Enrich } from "./enrich/enrich.ts";
import type { NodeLookup } from "./nodes/node-lookup.ts";
import { type BatchBooks, createBatchBooks, entryRecord } from "./reconciliation/batch-books.ts";
import type { OpenEntries } from "./reconciliation/open-entries.ts";
import type { BatchTrace, TraceBatch } from "./telemetry/trace-batch.ts";
import { type PartitionWindows, positionOfRecord } from "./windows/partition-windows.ts";
import { type WindowCheckpoint, writeCheckpoint } from "./windows/window-checkpoint.ts";

export type BatchSteps = {
  decoder: RawEventDecoder;
  timePolicy: TimePolicy;
  breaker: Breaker;
  lookupNodes: NodeLookup;
  windows: PartitionWindows;
  ledger: OpenEntries;
  enrich: Enrich;
  traceBatch: TraceBatch;
  alertRecord: (alert: ProbeAlert) => OutgoingRecord;
  commit: GroupTransactions["commit"];
  topics: { enriched: string; alerts: string; deadLetter: string; reconciliation: string };
  groupId: string;
  count: (counts: BatchCounts) => void;
  countFailedDeadLetters: () => void;
};

export type BatchProcessor = {
  /**
   * @throws {PartitionPausedError} too many of the records are bad: nothing is written
   * @throws {PartitionFaultError} Kafka rejects a dead letter or an alert of it for good: nothing is written
   * @throws {TransientError} either nothing of the batch is committed or all of it: read the committed offset
   */
  process: (batch: RecordBatch) => Promise<void>;
  /** Drops prepared batches of all other partitions. */
  keepOnly: (partitions: readonly number[]) => void;
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

/**
 * The story of a batch of raw records: they are decoded, checked by the circuit breaker, enriched with the data and the
 * window statistics of their nodes, and produced in one Kafka transaction together with the batch's next offset. Records
 * that cannot be processed are dead-lettered in the same transaction.
 */
export function createBatchProcessor(steps: BatchSteps): BatchProcessor {
  const { decoder, breaker, lookupNodes, topics } = steps;
  const prepared = createPreparedBatches<Work>();

  const prepare = async (batch: RecordBatch): Promise<Work> => {
    await decoder.prepare(batch.records);
    const outcomes = batch.records.map(decoder.decode);
    breaker.check(
      batch.partition,
      outcomes.map(({ kind }) => kind === "dead"),
    );
    const nodes = await lookupNodes(nodesOf(outcomes));
    return route(batch, outcomes, nodes, steps);
  };

  const processOne = async (batch: RecordBatch, trace: BatchTrace) => {
    const work = prepared.of(batch) ?? prepared.add(batch, await prepare(batch));
    const { partition, log, firstOffset, nextOffset, leaderEpoch } = batch;
    const enriched = trace.sending(work.enriched);
    const entries = steps.ledger.after(batch, work.books.minutes);
    const checkpoint = writeCheckpoint({ ...work.windows, ledger: entries.open });
    const hasDeadLetters = work.deadLetters.length > 0;
    try {
      await steps.commit({
        partition,
        log,
        firstOffset,
        nextOffset,
        leaderEpoch,
        metadata: checkpoint,
        batches: [
          // To the partition of the same number, so that a node's events keep their order, whoever has produced them.
          { topic: topics.enriched, partition, records: enriched },
          { topic: topics.alerts, partition, records: work.alerts },
          { topic: topics.deadLetter, records: work.deadLetters },
          {
            topic: topics.reconciliation,
            partition: 0,
            records: entries.finished.map(entryRecord),
          },
        ],
        ...(hasDeadLetters && { onUnsent: steps.countFailedDeadLetters }),
      });
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw error;
      checkRefused(batch, work, { enriched, refusal: error }, breaker);
      throw deadLetterRefused(batch, work, { enriched, refusal: error }, steps.groupId);
    }
    prepared.done(batch);
    steps.ledger.committed(partition, checkpoint, entries);
    steps.count(work.counts);
  };

  return {
    process: async (batch) => {
      const trace = steps.traceBatch(batch);
      try {
        await processOne(batch, trace);
        trace.end();
      } catch (error) {
        trace.end(error);
        throw error;
      }
    },
    keepOnly: prepared.keepOnly,
  };
}

/** The result of preparing a batch: all records to write, and the counts for the metrics. */
type Work = {
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

/** Returns the first event of each node. */
function nodesOf(outcomes: readonly Outcome<RawEvent>[]): Map<string, RawEvent> {
  const seen = new Map<string, RawEvent>();
  for (const outcome of outcomes) {
    if (outcome.kind === "dead" || seen.has(outcome.value.nodeId)) continue;
    seen.set(outcome.value.nodeId, outcome.value);
  }
  return seen;
}

/** Synchronous, so that the windows advance by the whole batch or not at all. */
function route(
  batch: RecordBatch,
  outcomes: readonly Outcome<RawEvent>[],
  nodes: Awaited<ReturnType<NodeLookup>>,
  steps: BatchSteps,
): Work {
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
  const work: Work = {
    enriched: [],
    sources: [],
    // The same alerts again, where the nodes' events are now: the next owner reads only this partition.
    alerts: window.takeMoved().map(alertRecord),
    deadLetters: [],
    books: createBatchBooks(),
    windows: { from: batch.firstOffset, clockMs: 0, partitions: window.partitions },
    counts,
  };
  const { books } = work;
  batch.records.forEach((record, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined) return;
    if (outcome.kind === "dead") {
      work.deadLetters.push(deadLetterFor(record, outcome.reason, batch, steps.groupId, "decode"));
      books.dead(record);
      const { failureClass } = outcome.reason;
      counts.dead.set(failureClass, (counts.dead.get(failureClass) ?? 0) + 1);
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
    work.enriched.push(enriched);
    work.sources.push({ record, event });
    books.written(event, enriched);
    for (const alert of alerts) work.alerts.push(alertRecord(alert));
    counts.alerts += alerts.length;
    if (quality === "late") counts.late++;
  });
  counts.ok = work.enriched.length;
  counts.ahead = window.takeAhead();
  window.position = batch.nextOffset;
  const { partitions } = window;
  const from = window.neededFrom(batch.nextOffset);
  work.windows = { from, clockMs: window.clockMs(), partitions };
  return work;
}

const deadLetterFor = (
  record: IncomingRecord,
  reason: DeadReason,
  { topic, partition }: RecordBatch,
  groupId: string,
  stage: string,
): OutgoingRecord =>
  deadLetterOf(
    record,
    { topic, partition, groupId, service: "stream-processor", stage },
    reason,
    new Date(),
  );

/**
 * If a topic rejects very many records, the partition is paused instead of dead-lettering all of them.
 * @throws {PartitionPausedError} too many are rejected
 */
function checkRefused(
  { partition, records }: RecordBatch,
  { sources }: Work,
  { enriched, refusal }: Refused,
  breaker: Breaker,
): void {
  const refused = new Set(
    refusal.records.map((record) => sources[enriched.indexOf(record)]?.record),
  );
  const isBad = records.map((record) => refused.has(record));
  // A rejected dead letter was counted as a bad record before.
  if (isBad.includes(true)) breaker.check(partition, isBad);
}

/** The enriched records of a batch, and those of its records that Kafka rejects for good. */
type Refused = {
  readonly enriched: readonly OutgoingRecord[];
  readonly refusal: RecordRefusedError;
};

/**
 * Prepares the next attempt: makes dead letters of the events whose enriched records Kafka rejects for good, and reduces
 * dead letters that it rejects.
 * @returns the error to throw
 */
function deadLetterRefused(
  batch: RecordBatch,
  work: Work,
  { enriched, refusal }: Refused,
  groupId: string,
): TransientError | PartitionFaultError {
  const refused = new Set<number>();
  for (const record of refusal.records) {
    const index = enriched.indexOf(record);
    if (index !== -1) refused.add(index);
    else if (!reduceDeadLetter(work.deadLetters, record, refusal.type)) {
      const advice = `Change ${refusal.topic} so that it accepts such records, or move the committed offset past the record`;
      return new PartitionFaultError(refusal.message, advice);
    }
  }
  const message = `Kafka rejects its enriched record: ${refusal.type}`;
  const reason = { failureClass: "record-refused", message } as const;
  const isAccepted = (_: unknown, index: number) => !refused.has(index);
  for (const index of refused) {
    const source = work.sources[index];
    if (source === undefined) continue;
    work.deadLetters.push(deadLetterFor(source.record, reason, batch, groupId, "produce"));
    work.books.refused(source.event);
  }
  work.enriched = work.enriched.filter(isAccepted);
  work.sources = work.sources.filter(isAccepted);
  work.counts.ok = work.enriched.length;
  const { dead } = work.counts;
  dead.set(reason.failureClass, (dead.get(reason.failureClass) ?? 0) + refused.size);
  return new TransientError("kafka", refusal.message, { cause: refusal });
}

/** @returns whether the record is one of the dead letters and could be reduced */
function reduceDeadLetter(
  deadLetters: OutgoingRecord[],
  record: OutgoingRecord,
  type: string,
): boolean {
  const index = deadLetters.indexOf(record);
  const reduced = index === -1 ? undefined : reducedDeadLetter(record, type);
  if (reduced !== undefined) deadLetters[index] = reduced;
  return reduced !== undefined;
}
