import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { type Connections, createConnections } from "../broker/connections.ts";
import type { KafkaClient } from "../kafka.ts";
import { isTopicMissing, kafkaFailure, typeOf } from "../errors/kafka-errors.ts";

export type TopicCheck = {
  /**
   * Resolves when the topic exists and some of its partitions have a leader and as many in-sync replicas as a write
   * needs (min.insync.replicas). Producing to the other partitions fails record by record.
   * @throws {TransientError} when Kafka is unavailable or no partition can be written to
   * @throws {FatalError} when there is no such topic, or Kafka rejects the request
   */
  check: () => Promise<void>;
  close: () => Promise<void>;
};

/** How long min.insync.replicas is cached, which hardly ever changes. */
const MINIMUM_TTL_MS = 60_000;

/** Checks one topic, each time with another broker: a frozen broker does not mean that the cluster is unavailable. */
export function createTopicCheck(options: {
  kafka: Pick<KafkaClient, "access">;
  topic: string;
}): TopicCheck {
  const { topic } = options;
  const connections = createConnections(options.kafka);
  let minimum: { readonly replicas: number; readonly readAtMs: number } | undefined;

  const minInSyncReplicas = async (): Promise<number> => {
    const nowMs = performance.now();
    if (minimum === undefined || nowMs - minimum.readAtMs > MINIMUM_TTL_MS) {
      minimum = { replicas: await readMinInSyncReplicas(connections, topic), readAtMs: nowMs };
    }
    return minimum.replicas;
  };

  return {
    check: async () => {
      try {
        const { leaders } = await connections.topicMetadata(topic);
        const needed = await minInSyncReplicas();
        const canBeWritten = [...leaders.values()].some(
          ({ address, inSyncReplicas }) => address !== undefined && inSyncReplicas >= needed,
        );
        if (!canBeWritten) {
          minimum = undefined;
          const what = `none of the ${leaders.size} partitions of ${topic} has a leader and ${needed} in-sync replicas`;
          throw new TransientError("kafka", what);
        }
      } catch (error) {
        if (!isTopicMissing(error)) throw kafkaFailure(error);
        throw new FatalError(
          `Kafka has no topic "${topic}"`,
          "Run the deploy step that creates topics and registers schemas (npm run deploy:topics)",
          { cause: error },
        );
      }
    },
    close: () => connections.close(),
  };
}

/** @returns 1, the minimum of a partition with a leader, if this user lacks the permission */
async function readMinInSyncReplicas(connections: Connections, topic: string): Promise<number> {
  try {
    return Number((await connections.topicSetting(topic, "min.insync.replicas")) ?? 1);
  } catch (error) {
    if (typeOf(error)?.endsWith("AUTHORIZATION_FAILED")) return 1;
    throw error;
  }
}
