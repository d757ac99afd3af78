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
  addTargetTopic: (topic: string) => Promise<void>;
  /** The leader is below 0 where there is none. */
  findTopicPartitionMetadata: (topic: string) => { partitionId: number; leader: number }[];
  fetchTopicsOffset: (
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ) => Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
  findBroker: (wanted: { nodeId: string | number }) => Promise<Broker>;
};

export type Broker = {
  connect: () => Promise<void>;
  readonly connectionPool: { send: (request: object) => Promise<unknown> };
};

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
