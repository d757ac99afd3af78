import { BrokerAnswerError } from "../../broker/broker-answer.ts";
import { nameOf } from "../../broker/connections.ts";
import { BATCH_BYTES, splitBySize } from "../../protocol/split-by-size.ts";
import type { OutgoingRecord } from "../../records.ts";
import { type Destination, keyOf } from "./destinations.ts";
import { produce, type Refused, type SendSteps } from "./produce.ts";
import { RecordRefusedError } from "../../errors/record-refused.ts";

/**
 * Sends records inside the session's open transaction, to all leaders at once, each in as few requests as their
 * size lets. Settles when every request has.
 * @throws {RecordRefusedError} with the very records that a broker will never take
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function sendRecords(
  steps: SendSteps,
  destinations: readonly Destination[],
): Promise<void> {
  const byLeader = Map.groupBy(joined(destinations), ({ leader }) => nameOf(leader));
  await settleAll([...byLeader.values()].map((some) => sendToLeader(steps, some)));
}

/** What goes to the same partition, as one: a request has one batch of each. */
function joined(destinations: readonly Destination[]): Destination[] {
  return [...Map.groupBy(destinations, keyOf).values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    if (more.length === 0) return [first];
    const all = [first, ...more];
    const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
    return [{ ...first, records: all.flatMap(({ records }) => records), bytes }];
  });
}

/** The later batches of a partition wait for the earlier ones. */
async function sendToLeader(steps: SendSteps, destinations: readonly Destination[]): Promise<void> {
  const batches = destinations.map((one) =>
    batchesOf(one, steps.batchBytes.get(one.topic) ?? BATCH_BYTES),
  );
  const rounds = Math.max(...batches.map(({ length }) => length));
  for (let round = 0; round < rounds; round++) {
    const portion = batches.flatMap((some) => some[round] ?? []);
    const refused = await produce(steps, portion);
    if (refused !== undefined) throw await isolated(steps, refused);
  }
}

function batchesOf(destination: Destination, mostBytes: number): Destination[] {
  if (destination.bytes <= mostBytes) return [destination];
  const { topic, partition, leader, records } = destination;
  const chunks = splitBySize(records, (record) => record, mostBytes);
  return chunks.map(({ items, bytes }) => ({ topic, partition, leader, records: items, bytes }));
}

/** A record that is refused by itself, and the answer to it. */
type Culprit = { readonly record: OutgoingRecord; readonly why: string };

/**
 * Finds the records for which a batch was refused, by sending halves of it, in the transaction that is not
 * going to be committed any more. Where no record is refused by itself, batches are smaller from then on.
 */
async function isolated(steps: SendSteps, { batch, type }: Refused): Promise<Error> {
  const { topic, partition } = batch;
  const culpritsIn = async (
    records: readonly OutgoingRecord[],
    why: string,
  ): Promise<Culprit[]> => {
    if (records.length <= 1) return records.map((record) => ({ record, why }));
    const middle = records.length >> 1;
    const culprits: Culprit[] = [];
    for (const half of [records.slice(0, middle), records.slice(middle)]) {
      const refused = await produce(steps, [{ ...batch, records: half }]);
      if (refused !== undefined) culprits.push(...(await culpritsIn(half, refused.type)));
    }
    return culprits;
  };
  const culprits = await culpritsIn(batch.records, type);
  const [first] = culprits;
  if (first === undefined) {
    steps.batchBytes.set(topic, batch.bytes >> 1);
    return new BrokerAnswerError(type, `partition ${partition} of ${topic} wants smaller batches`);
  }
  // What is refused for another reason is found again without these.
  const records = culprits.flatMap(({ record, why }) => (why === first.why ? [record] : []));
  return new RecordRefusedError({ topic, partition, type: first.why, records });
}

/** Waits for all of them, whatever becomes of one, then throws the first error if there is any. */
export async function settleAll(all: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(all);
  for (const one of settled) if (one.status === "rejected") throw one.reason;
}
