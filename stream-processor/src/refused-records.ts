import type { Breaker } from "@fiberstream/kafka/breaker";
import { PartitionFaultError } from "@fiberstream/kafka/partition-fault";
import type { OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import { reducedDeadLetter } from "@fiberstream/kafka/reduced-dead-letter";
import type { RecordRefusedError } from "@fiberstream/kafka/transactions/record-refused";
import { TransientError } from "@fiberstream/runtime/errors";
import { deadLetterFor, type PreparedBatch } from "./route-batch.ts";

/** The enriched records of a batch, and those of its records that Kafka rejects for good. */
export type Refused = {
  readonly enriched: readonly OutgoingRecord[];
  readonly refusal: RecordRefusedError;
};

/**
 * If a topic rejects very many records, the partition is paused instead of dead-lettering all of them.
 * @throws {PartitionPausedError} too many are rejected
 */
export function checkRefused(
  { partition, records }: RecordBatch,
  { sources }: PreparedBatch,
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

/**
 * Prepares the next attempt: makes dead letters of the events whose enriched records Kafka rejects for good, and reduces
 * dead letters that it rejects.
 * @returns the error to throw
 */
export function deadLetterRefused(
  batch: RecordBatch,
  prepared: PreparedBatch,
  { enriched, refusal }: Refused,
  groupId: string,
): TransientError | PartitionFaultError {
  const refused = new Set<number>();
  for (const record of refusal.records) {
    const index = enriched.indexOf(record);
    if (index !== -1) refused.add(index);
    else if (!reduceDeadLetter(prepared.deadLetters, record, refusal.type)) {
      const advice = `Change ${refusal.topic} so that it accepts such records, or move the committed offset past the record`;
      return new PartitionFaultError(refusal.message, advice);
    }
  }
  const message = `Kafka rejects its enriched record: ${refusal.type}`;
  const reason = { failureClass: "record-refused", message } as const;
  const isAccepted = (_: unknown, index: number) => !refused.has(index);
  for (const index of refused) {
    const source = prepared.sources[index];
    if (source === undefined) continue;
    prepared.deadLetters.push(deadLetterFor(source.record, reason, batch, groupId, "produce"));
    prepared.books.refused(source.event);
  }
  prepared.enriched = prepared.enriched.filter(isAccepted);
  prepared.sources = prepared.sources.filter(isAccepted);
  prepared.counts.ok = prepared.enriched.length;
  const { dead } = prepared.counts;
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
