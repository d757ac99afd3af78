import { randomUUID } from "node:crypto";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { type Connections, createConnections } from "../../broker/connections.ts";
import { createKafka, type KafkaClient } from "../../kafka.ts";
import type { LogIdentity, OutgoingRecord } from "../../records.ts";
import { ensureTopics } from "../../admin/topic-admin.ts";
import { connectTopicReader } from "../../reader/topic-reader.ts";
import { createGroupTransactions, type PartitionCommit } from "../group-transactions.ts";
import type { MemberIdentity } from "../../group/group-member.ts";
import { joinGroup, type TestMember } from "./join-group.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
/** The default since Kafka 4; earlier brokers accept any time ahead. */
const REFUSES_AN_HOUR_AHEAD = { "message.timestamp.after.max.ms": "3600000" };

/** A topic that one group reads and writes, and what its processes need. */
export type TransactionsBench = {
  readonly kafka: KafkaClient;
  readonly topic: string;
  readonly groupId: string;
  readonly identity: LogIdentity;
  readonly connections: Connections;
  readonly member: TestMember;
  /** Creates the transactions of a process; it starts without known positions. */
  process: (options?: {
    processId?: string;
    member?: (partition: number) => MemberIdentity | undefined;
    live?: readonly string[];
    connections?: Connections;
  }) => ReturnType<typeof createGroupTransactions>;
  commitOf: (
    partition: number,
    at: { from: bigint; to: bigint; metadata?: string },
    ...values: string[]
  ) => PartitionCommit;
  /** All committed records, as "partition/offset value". */
  committedRecords: () => Promise<string[]>;
};

export async function createTransactionsBench(options: {
  brokers: readonly string[];
  life: Life;
  partitions: number;
}): Promise<TransactionsBench> {
  const { life, partitions } = options;
  const kafka = createKafka({ brokers: options.brokers, clientId: "test", log });
  const topic = `transactions-${randomUUID()}`;
  const groupId = `group-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions, config: REFUSES_AN_HOUR_AHEAD }] });
  const connections = life.own(createConnections(kafka), (owned) => owned.close());
  const { log: identity } = await connections.topicMetadata(topic);
  const member = await joinGroup(connections, groupId);

  return {
    kafka,
    topic,
    groupId,
    identity,
    connections,
    member,
    process: ({ processId = randomUUID(), live = [], ...more } = {}) =>
      life.own(
        createGroupTransactions({
          kafka,
          groupId,
          topic,
          processId,
          member: more.member ?? member.identity,
          liveProcesses: () => new Set([processId, ...live]),
          log,
          ...(more.connections !== undefined && { connections: more.connections }),
        }),
        (owned) => owned.close(),
      ),
    commitOf: (partition, { from, to, metadata = "" }, ...values) => {
      const records: OutgoingRecord[] = values.map((value) => ({
        key: null,
        value: Buffer.from(value),
      }));
      return {
        partition,
        log: identity,
        firstOffset: from,
        nextOffset: to,
        metadata,
        batches: [{ topic, partition, records }],
      };
    },
    committedRecords: async () => {
      const reader = await connectTopicReader({ kafka });
      const found: string[] = [];
      for (const range of await reader.ranges(topic)) {
        for await (const records of reader.read(topic, range)) {
          found.push(
            ...records.map(({ offset, value }) => `${range.partition}/${offset} ${String(value)}`),
          );
        }
      }
      await reader.close();
      return found;
    },
  };
}
