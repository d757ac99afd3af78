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
import type { RawEventDecoder } from "./decode-raw.ts";
import type { Enrich } from "./enrich.ts";
import type { TimePolicy } from "./event-time.ts";
import { createInHand } from "./in-hand.ts";
import type { NodeLookup, SeenNode } from "./node-lookup.ts";
import { type PartitionWindows, placeOf } from "./partition-windows.ts";
import { placeOf as nodePlaceOf, type RawEvent } from "./raw-event.ts";
import { type BatchBooks, createBatchBooks, entryRecord } from "./reconciliation/batch-books.ts";
import type { OpenEntries } from "./reconciliation/open-entries.ts";
import type { BatchTrace, TraceBatch } from "./trace-batch.ts";
import { type WindowNote, writeNote } from "./window-note.ts";

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
   * @throws {PartitionFaultError} Kafka will never take a dead letter or an alert of it: nothing is written
   * @throws {TransientError} nothing of the batch is seen downstream, or all of it is: ask for the committed offset
   */
  process: (batch: RecordBatch) => Promise<void>;
  /** Forgets what is in hand of partitions that are no longer ours. */
  keepOnly: (partitions: readonly number[]) => void;
};

export type BatchCounts = {
  ok: number;
  repeats: number;
  late: number;
  alerts: number;
  /** Records whose timestamps were not believed. */
  ahead: number;
  dead: Map<FailureClass, number>;
};

/**
 * The life of a batch of raw records: decoded, looked at in bulk by the breaker, enriched with their nodes'
 * data and with what their nodes' windows say, and produced in one Kafka transaction together with the
 * offset that says it is done. What cannot go on is dead-lettered in the same transaction.
 */
export function createBatchProcessor(steps: BatchSteps): BatchProcessor {
  const { decoder, breaker, lookupNodes, topics } = steps;
  const inHand = createInHand<Work>();

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
    const work = inHand.of(batch) ?? inHand.keep(batch, await prepare(batch));
    const { partition, log, firstOffset, nextOffset, leaderEpoch } = batch;
    const enriched = trace.sending(work.enriched);
    const entries = steps.ledger.after(batch, work.books.minutes);
    const note = writeNote({ ...work.windows, ledger: entries.open });
    const hasDeadLetters = work.deadLetters.length > 0;
    try {
      await steps.commit({
        partition,
        log,
        firstOffset,
        nextOffset,
        leaderEpoch,
        metadata: note,
        batches: [
          // To the partition of the same number, so that a node's events keep their order whatever put them in it.
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
      admitRefused(batch, work, { enriched, refusal: error }, breaker);
      throw putAside(batch, work, { enriched, refusal: error }, steps.groupId);
    }
    inHand.done(batch);
    steps.ledger.committed(partition, note, entries);
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
    keepOnly: inHand.keepOnly,
  };
}

/** What is made of a batch: all that is written, and what is counted once it is. */
type Work = {
  enriched: OutgoingRecord[];
  /** What each of the enriched records was made of. */
  sources: { record: IncomingRecord; event: RawEvent }[];
  alerts: OutgoingRecord[];
  deadLetters: OutgoingRecord[];
  books: BatchBooks;
  /** How the next owner gets the windows of after the batch. */
  windows: Pick<WindowNote, "from" | "clockMs">;
  counts: BatchCounts;
};

function nodesOf(outcomes: readonly Outcome<RawEvent>[]): Map<string, SeenNode> {
  const seen = new Map<string, SeenNode>();
  for (const outcome of outcomes) {
    if (outcome.kind === "dead" || seen.has(outcome.value.nodeId)) continue;
    const { nodeId } = outcome.value;
    seen.set(nodeId, { nodeId, ...nodePlaceOf(outcome.value) });
  }
  return seen;
}

/** Nothing in here waits: windows move on as a whole, or not at all. */
function route(
  batch: RecordBatch,
  outcomes: readonly Outcome<RawEvent>[],
  nodes: Awaited<ReturnType<NodeLookup>>,
  steps: BatchSteps,
): Work {
  const { windows, timePolicy, enrich, alertRecord } = steps;
  const window = windows.at(batch.partition, batch.firstOffset);
  const counts: BatchCounts = { ok: 0, repeats: 0, late: 0, alerts: 0, ahead: 0, dead: new Map() };
  const work: Work = {
    enriched: [],
    sources: [],
    alerts: [],
    deadLetters: [],
    books: createBatchBooks(),
    windows: { from: batch.firstOffset, clockMs: 0 },
    counts,
  };
  const { books } = work;
  batch.records.forEach((record, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined) return;
    if (outcome.kind === "dead") {
      work.deadLetters.push(aside(record, outcome.reason, batch, steps.groupId, "decode"));
      books.dead(record);
      const { failureClass } = outcome.reason;
      counts.dead.set(failureClass, (counts.dead.get(failureClass) ?? 0) + 1);
      return;
    }
    const event = outcome.value;
    books.read(event);
    const { isRepeat, anomaly, alerts } = window.judge(event, placeOf(record));
    if (isRepeat) {
      counts.repeats++;
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
    if (quality === "late") counts.late++;
  });
  counts.ok = work.enriched.length;
  counts.alerts = work.alerts.length;
  counts.ahead = window.takeAhead();
  window.position = batch.nextOffset;
  work.windows = { from: window.neededFrom(batch.nextOffset), clockMs: window.clockMs() };
  return work;
}

const aside = (
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

/** A topic that refuses in bulk must not drain into the dead letters. @throws {PartitionPausedError} too many are refused */
function admitRefused(
  { partition, records }: RecordBatch,
  { sources }: Work,
  { enriched, refusal }: Refused,
  breaker: Breaker,
): void {
  const refused = new Set(
    refusal.records.map((record) => sources[enriched.indexOf(record)]?.record),
  );
  const isBad = records.map((record) => refused.has(record));
  // A dead letter that is refused was counted before.
  if (isBad.includes(true)) breaker.check(partition, isBad);
}

/** What was sent of a batch, and what of it Kafka will never take. */
type Refused = {
  readonly enriched: readonly OutgoingRecord[];
  readonly refusal: RecordRefusedError;
};

/**
 * Makes dead letters of the events whose enriched records Kafka will never take, and lesser ones of refused dead letters,
 * for the next try.
 * @returns what to throw
 */
function putAside(
  batch: RecordBatch,
  work: Work,
  { enriched, refusal }: Refused,
  groupId: string,
): TransientError | PartitionFaultError {
  const refused = new Set<number>();
  for (const record of refusal.records) {
    const place = enriched.indexOf(record);
    if (place !== -1) refused.add(place);
    else if (!lessen(work.deadLetters, record, refusal.type)) {
      const advice = `Let ${refusal.topic} take such records, or free the partition by hand`;
      return new PartitionFaultError(refusal.message, advice);
    }
  }
  const message = `Kafka refuses its enriched record: ${refusal.type}`;
  const reason = { failureClass: "record-refused", message } as const;
  const isTaken = (_: unknown, index: number) => !refused.has(index);
  for (const index of refused) {
    const source = work.sources[index];
    if (source === undefined) continue;
    work.deadLetters.push(aside(source.record, reason, batch, groupId, "produce"));
    work.books.refused(source.event);
  }
  work.enriched = work.enriched.filter(isTaken);
  work.sources = work.sources.filter(isTaken);
  work.counts.ok = work.enriched.length;
  const { dead } = work.counts;
  dead.set(reason.failureClass, (dead.get(reason.failureClass) ?? 0) + refused.size);
  return new TransientError("kafka", refusal.message, { cause: refusal });
}

/** @returns whether the record is among the letters, and there was something to leave out */
function lessen(letters: OutgoingRecord[], record: OutgoingRecord, type: string): boolean {
  const place = letters.indexOf(record);
  const lesser = place === -1 ? undefined : reducedDeadLetter(record, type);
  if (lesser !== undefined) letters[place] = lesser;
  return lesser !== undefined;
}
