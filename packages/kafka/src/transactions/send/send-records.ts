import { BrokerAnswerError } from "../../broker/broker-answer.ts";
import { nameOf } from "../../broker/connections.ts";
import { BATCH_BYTES, splitBySize } from "../../protocol/split-by-size.ts";
import type { OutgoingRecord } from "../../records.ts";
import { type Destination, keyOf } from "./destinations.ts";
import { produce, type RefusedBatch, type SendSteps } from "./produce.ts";
import { RecordRefusedError } from "../../errors/record-refused.ts";

/**
 * Sends records inside the session's open transaction, to all leaders in parallel, each in as few requests as the
 * size allows. Settles when every request has.
 * @throws {RecordRefusedError} with the records that a broker will never accept
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function sendRecords(
  steps: SendSteps,
  destinations: readonly Destination[],
): Promise<void> {
  const byLeader = Map.groupBy(joined(destinations), ({ leader }) => nameOf(leader));
  await settleAll([...byLeader.values()].map((ofLeader) => sendToLeader(steps, ofLeader)));
}

/** Joins the destinations with the same partition, because a request has one batch for each partition. */
function joined(destinations: readonly Destination[]): Destination[] {
  return [...Map.groupBy(destinations, keyOf).values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    if (more.length === 0) return [first];
    const all = [first, ...more];
    const bytes = all.reduce((sum, destination) => sum + destination.bytes, 0);
    return [{ ...first, records: all.flatMap(({ records }) => records), bytes }];
  });
}

/** Sends the batches of a partition one after the other. */
async function sendToLeader(steps: SendSteps, destinations: readonly Destination[]): Promise<void> {
  const batches = destinations.map((destination) =>
    batchesOf(destination, steps.batchBytes.get(destination.topic) ?? BATCH_BYTES),
  );
  const rounds = Math.max(...batches.map(({ length }) => length));
  for (let round = 0; round < rounds; round++) {
    const refused = await produce(
      steps,
      batches.flatMap((ofPartition) => ofPartition[round] ?? []),
    );
    if (refused !== undefined) throw await findRefusedRecords(steps, refused);
  }
}

function batchesOf(destination: Destination, maxBytes: number): Destination[] {
  if (destination.bytes <= maxBytes) return [destination];
  const { topic, partition, leader, records } = destination;
  const chunks = splitBySize(records, (record) => record, maxBytes);
  return chunks.map(({ items, bytes }) => ({ topic, partition, leader, records: items, bytes }));
}

/** A record that is refused when sent alone, and the error type. */
type RefusedRecord = { readonly record: OutgoingRecord; readonly why: string };

/**
 * Finds the records because of which a batch was refused, by sending halves of it, in the transaction, which will not be
 * committed. If no record is refused when sent alone, the topic's batches are smaller from then on.
 */
async function findRefusedRecords(steps: SendSteps, { batch, type }: RefusedBatch): Promise<Error> {
  const { topic, partition } = batch;
  const refusedIn = async (
    records: readonly OutgoingRecord[],
    why: string,
  ): Promise<RefusedRecord[]> => {
    if (records.length <= 1) return records.map((record) => ({ record, why }));
    const middle = records.length >> 1;
    const refusedRecords: RefusedRecord[] = [];
    for (const half of [records.slice(0, middle), records.slice(middle)]) {
      const refused = await produce(steps, [{ ...batch, records: half }]);
      if (refused !== undefined) refusedRecords.push(...(await refusedIn(half, refused.type)));
    }
    return refusedRecords;
  };
  const refusedRecords = await refusedIn(batch.records, type);
  const [first] = refusedRecords;
  if (first === undefined) {
    steps.batchBytes.set(topic, batch.bytes >> 1);
    return new BrokerAnswerError(
      type,
      `partition ${partition} of ${topic} accepts only smaller batches`,
    );
  }
  // Records that are refused for another reason are found when the batch is retried without these.
  const records = refusedRecords.flatMap(({ record, why }) => (why === first.why ? [record] : []));
  return new RecordRefusedError({ topic, partition, type: first.why, records });
}

/** Waits until all have settled, then throws the first error if there is one. */
export async function settleAll(all: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(all);
  for (const result of settled) if (result.status === "rejected") throw result.reason;
}
