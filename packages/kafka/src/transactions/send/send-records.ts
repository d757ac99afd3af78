import { BrokerAnswerError } from "../../broker/broker-answer.ts";
import { nameOf } from "../../broker/connections.ts";
import { mostBytesOf } from "../../protocol/record-batch-writer.ts";
import type { OutgoingRecord } from "../../records.ts";
import { type Destination, keyOf } from "./destinations.ts";
import { produce, type Refused, type SendSteps } from "./produce.ts";
import { RecordRefusedError } from "../../errors/record-refused.ts";
import { settleAll } from "../settle-all.ts";

/** Below the 1 MB that brokers take of one batch by default; a record that is larger goes alone. */
const BATCH_BYTES = 900_000;

/**
 * Sends records inside the session's open transaction, to all leaders at once, each in as few requests as their
 * size lets. Settles when every request has.
 *
 * @throws {RecordRefusedError} with the very records that a broker will never take
 * @throws {BrokerAnswerError} @throws {Error}
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
  const { records } = destination;
  const batches: Destination[] = [];
  let begin = 0;
  let bytes = 0;
  const cut = (to: number) => {
    batches.push({ ...destination, records: records.slice(begin, to), bytes });
    begin = to;
    bytes = 0;
  };
  for (const [at, record] of records.entries()) {
    const more = mostBytesOf(record);
    if (bytes + more > mostBytes && at > begin) cut(at);
    bytes += more;
  }
  cut(records.length);
  return batches;
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
