import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { KafkaClient } from "../kafka.ts";
import { isBrokersAnswer, kafkaFailure } from "../errors/kafka-errors.ts";
import { createCluster } from "../kafkajs/kafkajs-cluster.ts";
import { describeLogDirs, type LogDir } from "./log-dirs.ts";
import { readConfig } from "./read-config.ts";

export type ClusterState = {
  readonly brokers: number;
  readonly topics: readonly {
    readonly topic: string;
    /** Partitions with fewer in-sync replicas than they have replicas. */
    readonly underReplicated: number;
    readonly leaderless: number;
    /** On all brokers together; undefined if they do not report it. */
    readonly bytes: number | undefined;
    /** The topic's retention, Infinity without limit; undefined if the brokers do not report it. */
    readonly retentionMs: number | undefined;
  }[];
  /** The fullest disk of each broker that reports its disks. */
  readonly disks: readonly {
    readonly broker: number;
    readonly totalBytes: number;
    readonly usableBytes: number;
  }[];
};

export type ClusterWatch = {
  /**
   * @throws {TransientError}
   * @throws {FatalError}
   */
  read: () => Promise<ClusterState>;
  close: () => Promise<void>;
};

/** Reads the state of the brokers and of some topics, over connections that stay open. Connects at the first call. */
export function createClusterWatch(options: {
  kafka: KafkaClient;
  topics: readonly string[];
  log: Log;
}): ClusterWatch {
  const { kafka, topics, log } = options;
  const admin = kafka.admin();
  const cluster = createCluster(kafka);
  let reportsDisks = true;
  let reportsRetention = true;

  /** Returns undefined if the broker does not report it: the rest of the state is read all the same. */
  const dirsOf = async (broker: number): Promise<LogDir[] | undefined> => {
    if (!reportsDisks) return undefined;
    try {
      return await describeLogDirs(await cluster.findBroker({ nodeId: broker }));
    } catch (error) {
      // Not authorized, or an older version: the broker will not answer the next time either.
      if (isBrokersAnswer(error)) {
        reportsDisks = false;
        log.info({ reason: messageOf(error) }, "brokers do not report disk usage");
      }
      return undefined;
    }
  };

  /** Returns the retention by topic; empty if the brokers do not report it. */
  const readRetention = async (): Promise<ReadonlyMap<string, number>> => {
    if (!reportsRetention) return new Map();
    try {
      const configs = await readConfig(admin, "TOPIC", topics, ["cleanup.policy", "retention.ms"]);
      return new Map(
        Array.from(configs, ([topic, config]) => {
          const isDeleted = (config.get("cleanup.policy") ?? "delete").includes("delete");
          const ms = Number(config.get("retention.ms") ?? -1);
          return [topic, isDeleted && ms >= 0 ? ms : Number.POSITIVE_INFINITY];
        }),
      );
    } catch (error) {
      if (!isBrokersAnswer(error)) throw error;
      reportsRetention = false;
      log.info({ reason: messageOf(error) }, "brokers do not report retention");
      return new Map();
    }
  };

  const readState = async (): Promise<ClusterState> => {
    await admin.connect();
    if (!cluster.isConnected()) await cluster.connect();
    await cluster.refreshMetadata();
    const { brokers } = await admin.describeCluster();
    const metadata = await admin.fetchTopicMetadata({ topics: [...topics] });
    const dirs = await Promise.all(
      brokers.map(async ({ nodeId }) => ({ broker: nodeId, dirs: await dirsOf(nodeId) })),
    );
    const retention = await readRetention();
    const areAllKnown = dirs.every((broker) => broker.dirs !== undefined);
    const stored = dirs.flatMap((broker) => broker.dirs ?? []).flatMap((dir) => dir.topics);
    return {
      brokers: brokers.length,
      topics: metadata.topics.map(({ name, partitions }) => ({
        topic: name,
        underReplicated: partitions.filter(({ isr, replicas }) => isr.length < replicas.length)
          .length,
        leaderless: partitions.filter(({ leader }) => leader < 0).length,
        bytes: areAllKnown
          ? sum(stored.filter(({ topic }) => topic === name).map(({ bytes }) => bytes))
          : undefined,
        retentionMs: retention.get(name),
      })),
      disks: dirs.flatMap(({ broker, dirs: dirsOfBroker }) => {
        const [fullest] = (dirsOfBroker ?? [])
          .filter(({ totalBytes }) => totalBytes > 0)
          .sort((a, b) => freeShareOf(a) - freeShareOf(b));
        if (fullest === undefined) return [];
        const { totalBytes, usableBytes } = fullest;
        return [{ broker, totalBytes, usableBytes }];
      }),
    };
  };

  return {
    read: async () => {
      try {
        return await readState();
      } catch (error) {
        throw kafkaFailure(error);
      }
    },
    close: async () => {
      await Promise.all([admin.disconnect(), cluster.disconnect()]);
    },
  };
}

const freeShareOf = ({ usableBytes, totalBytes }: LogDir) => usableBytes / totalBytes;
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
