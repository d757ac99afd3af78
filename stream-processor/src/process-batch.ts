import type { Breaker } from "@fiberstream/kafka/breaker";
import type { RecordBatch } from "@fiberstream/kafka/records";
import type { GroupTransactions } from "@fiberstream/kafka/transactions/group-transactions";
import { RecordRefusedError } from "@fiberstream/kafka/transactions/record-refused";
import type { Outcome } from "@fiberstream/runtime/outcome";
import { createPreparedBatches } from "./commit/prepared-batches.ts";
import type { RawEventDecoder } from "./decode/decode-raw.ts";
import type { RawEvent } from "./decode/raw-event.ts";
import type { NodeLookup } from "./nodes/node-lookup.ts";
import { entryRecord } from "./reconciliation/batch-books.ts";
import type { OpenEntries } from "./reconciliation/open-entries.ts";
import { checkRefused, deadLetterRefused } from "./refused-records.ts";
import {
  type BatchCounts,
  type PreparedBatch,
  routeBatch,
  type RouteSteps,
} from "./route-batch.ts";
import type { BatchTrace, TraceBatch } from "./telemetry/trace-batch.ts";
import { writeCheckpoint } from "./windows/window-checkpoint.ts";

export type BatchSteps = RouteSteps & {
  decoder: RawEventDecoder;
  breaker: Breaker;
  lookupNodes: NodeLookup;
  ledger: OpenEntries;
  traceBatch: TraceBatch;
  commit: GroupTransactions["commit"];
  topics: { enriched: string; alerts: string; deadLetter: string; reconciliation: string };
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

/**
 * The story of a batch of raw records: they are decoded, checked by the circuit breaker, enriched with the data and the
 * window statistics of their nodes, and produced in one Kafka transaction together with the batch's next offset. Records
 * that cannot be processed are dead-lettered in the same transaction.
 */
export function createBatchProcessor(steps: BatchSteps): BatchProcessor {
  const { decoder, breaker, lookupNodes, topics } = steps;
  const prepared = createPreparedBatches<PreparedBatch>();

  const prepare = async (batch: RecordBatch): Promise<PreparedBatch> => {
    await decoder.prepare(batch.records);
    const outcomes = batch.records.map(decoder.decode);
    breaker.check(
      batch.partition,
      outcomes.map(({ kind }) => kind === "dead"),
    );
    const nodes = await lookupNodes(nodesOf(outcomes));
    return routeBatch(batch, outcomes, nodes, steps);
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

/** Returns the first event of each node. */
function nodesOf(outcomes: readonly Outcome<RawEvent>[]): Map<string, RawEvent> {
  const seen = new Map<string, RawEvent>();
  for (const outcome of outcomes) {
    if (outcome.kind === "dead" || seen.has(outcome.value.nodeId)) continue;
    seen.set(outcome.value.nodeId, outcome.value);
  }
  return seen;
}
