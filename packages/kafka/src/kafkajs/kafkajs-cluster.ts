import { createRequire } from "node:module";
import type { Kafka } from "kafkajs";

/**
 * kafkajs's own connections and requests, for what its producer and consumer do not offer. Nothing exports
 * them, so they are taken from inside, and the start fails should a later version move them.
 */
export type Cluster = {
  connect: () => Promise<void>;
  disconnect: () => Promise<void>;
  isConnected: () => boolean;
  refreshMetadata: () => Promise<void>;
  refreshMetadataIfNecessary: () => Promise<void>;
  addTargetTopic: (topic: string) => Promise<void>;
  addMultipleTargetTopics: (topics: readonly string[]) => Promise<void>;
  findTopicPartitionMetadata: (topic: string) => PartitionMetadata[];
  findLeaderForPartitions: (topic: string, partitions: number[]) => Record<string, number[]>;
  fetchTopicsOffset: (
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ) => Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
  findBroker: (wanted: { nodeId: string | number }) => Promise<Broker>;
  findGroupCoordinator: (wanted: {
    groupId: string;
    coordinatorType: (typeof COORDINATOR)[keyof typeof COORDINATOR];
  }) => Promise<Broker>;
};

export const COORDINATOR = { group: 0, transaction: 1 } as const;

/** The leader is below 0 where there is none. */
export type PartitionMetadata = { partitionId: number; leader: number };

/** Who a transactional producer is: its id, and how often the id has been taken over. */
export type ProducerIdentity = {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
};

export type Broker = {
  fetch: (request: object) => Promise<{ responses: { partitions: FetchedPartition[] }[] }>;
  initProducerId: (request: {
    transactionalId: string;
    transactionTimeout: number;
  }) => Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn: (
    request: ProducerIdentity & { topics: { topic: string; partitions: number[] }[] },
  ) => Promise<unknown>;
  addOffsetsToTxn: (request: ProducerIdentity & { groupId: string }) => Promise<unknown>;
  txnOffsetCommit: (
    request: ProducerIdentity & {
      groupId: string;
      topics: {
        topic: string;
        partitions: { partition: number; offset: string; metadata: string }[];
      }[];
    },
  ) => Promise<unknown>;
  endTxn: (request: ProducerIdentity & { transactionResult: boolean }) => Promise<unknown>;
  leaveGroup: (member: { groupId: string; memberId: string }) => Promise<unknown>;
  connect: () => Promise<void>;
  readonly connectionPool: { send: (request: object) => Promise<unknown> };
};

export type FetchedPartition = { partition: number; highWatermark: string };

/** A cluster with connections of its own. Connects when told to. */
export function createCluster(kafka: Kafka): Cluster {
  const key = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster",
  );
  const create = key && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[key];
  if (!create) throw new Error("this version of kafkajs makes its cluster elsewhere");
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

/** A file from inside kafkajs. */
export const kafkajsFile: (path: string) => unknown = createRequire(import.meta.url);
