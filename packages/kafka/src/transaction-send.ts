import { Partitioners } from "kafkajs";
import type { Cluster } from "./kafkajs-cluster.ts";
import { type PartitionBatch, produceRequest } from "./produce-request.ts";
import { mostBytesOf, writeRecordBatch } from "./record-batch-writer.ts";
import type { OutgoingRecord } from "./records.ts";
import { type Session, whileBusy } from "./transaction-session.ts";

export type TopicRecords = {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  /** Where all of them go, if the topic has it; else each goes where its key says. */
  readonly partition?: number;
};

/** Below the 1 MB that brokers take of one batch by default; a record that is larger goes alone. */
const BATCH_BYTES = 900_000;

/** Sends records inside the session's transaction, all topics together, as few requests as their size lets. */
export async function sendInTransaction(
  session: Session,
  batches: readonly TopicRecords[],
  begin: () => void,
): Promise<void> {
  const { cluster, coordinator, identity } = session;
  const filled = batches.filter(({ records }) => records.length > 0);
  if (filled.length === 0) return;
  await cluster.addMultipleTargetTopics(filled.map(({ topic }) => topic));
  await cluster.refreshMetadataIfNecessary();
  const parts = joined(filled.flatMap((batch) => partsOf(cluster, batch)));
  begin();
  await whileBusy(() => coordinator.addPartitionsToTxn({ ...identity, topics: topicsOf(parts) }));
  for (let portion = takePortion(parts); portion.length > 0; portion = takePortion(parts)) {
    await produce(session, portion);
  }
}

/** What goes to one partition; `sent` of it are written already. */
type Part = { topic: string; partition: number; records: readonly OutgoingRecord[]; sent: number };

function partsOf(cluster: Cluster, { topic, records, partition }: TopicRecords): Part[] {
  const metadata = cluster.findTopicPartitionMetadata(topic);
  if (partition !== undefined && partition < metadata.length) {
    return [{ topic, partition, records, sent: 0 }];
  }
  const choose = Partitioners.DefaultPartitioner() as unknown as (of: object) => number;
  const byPartition = Map.groupBy(records, (message) =>
    choose({ topic, partitionMetadata: metadata, message }),
  );
  return [...byPartition].map(([chosen, some]) => ({
    topic,
    partition: chosen,
    records: some,
    sent: 0,
  }));
}

/** What goes to the same partition, as one: a request has one batch of each. */
function joined(parts: readonly Part[]): Part[] {
  return [...Map.groupBy(parts, nameOf).values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    if (more.length === 0) return [first];
    return [{ ...first, records: [first, ...more].flatMap(({ records }) => records) }];
  });
}

const nameOf = ({ topic, partition }: Part) => `${topic} ${partition}`;

function topicsOf(parts: readonly Part[]): { topic: string; partitions: number[] }[] {
  return [...Map.groupBy(parts, ({ topic }) => topic)].map(([topic, some]) => ({
    topic,
    partitions: some.map(({ partition }) => partition),
  }));
}

/** The next records of each partition, as many as one batch takes. */
function takePortion(parts: readonly Part[]): Part[] {
  return parts.flatMap((part) => {
    const { records, sent } = part;
    if (sent === records.length) return [];
    let to = sent;
    for (let bytes = 0; to < records.length; to++) {
      const record = records[to];
      bytes += record === undefined ? 0 : mostBytesOf(record);
      if (bytes > BATCH_BYTES && to > sent) break;
    }
    part.sent = to;
    return [{ ...part, records: records.slice(sent, to) }];
  });
}

async function produce({ cluster, identity, sequences }: Session, portion: Part[]): Promise<void> {
  const nowMs = Date.now();
  const byLeader = Map.groupBy(portion, ({ topic, partition }) => {
    const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    return leader ?? "";
  });
  const requests = [...byLeader].map(async ([nodeId, parts]) => {
    const batches: PartitionBatch[] = parts.map((part) => {
      const { topic, partition, records } = part;
      const name = nameOf(part);
      const firstSequence = sequences.get(name) ?? 0;
      sequences.set(name, (firstSequence + records.length) % 2 ** 31);
      const batch = writeRecordBatch(records, { ...identity, firstSequence }, nowMs);
      return { topic, partition, batch };
    });
    const broker = await cluster.findBroker({ nodeId });
    await broker.connectionPool.send(produceRequest(identity.transactionalId, batches));
  });
  await Promise.all(requests);
}
