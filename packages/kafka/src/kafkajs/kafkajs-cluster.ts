import { createRequire } from "node:module";
import type { Kafka } from "kafkajs";

/**
 * Connections and requests from inside kafkajs, for what its admin does not have. kafkajs does not export them. If a later
 * version moves them, the service fails at start.
 */
export type Cluster = {
  connect: () => Promise<void>;
  disconnect: () => Promise<void>;
  isConnected: () => boolean;
  refreshMetadata: () => Promise<void>;
  addTargetTopic: (topic: string) => Promise<void>;
  /** The leader is negative if there is none. */
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

/** Creates a cluster with connections of its own. It connects when `connect` is called. */
export function createCluster(kafka: Kafka): Cluster {
  const key = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster",
  );
  const create = key && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[key];
  if (!create) throw new Error("this version of kafkajs creates its cluster differently");
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

/** A file from inside kafkajs. */
export const kafkajsFile: (path: string) => unknown = createRequire(import.meta.url);
