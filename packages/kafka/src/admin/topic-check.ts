import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { type Connections, createConnections } from "../broker/connections.ts";
import type { KafkaClient } from "../kafka.ts";
import { isTopicMissing, kafkaFailure, typeOf } from "../errors/kafka-errors.ts";

export type TopicCheck = {
  /**
   * Resolves when the topic is there and some of its partitions have a leader and as many in-sync replicas
   * as a write needs (min.insync.replicas): who produces to the others is told so for each record.
   * @throws {TransientError} when Kafka is unavailable or no partition can be written to
   * @throws {FatalError} when there is no such topic, or Kafka refuses
   */
  check: () => Promise<void>;
  close: () => Promise<void>;
};

/** How long min.insync.replicas is believed, which hardly ever changes. */
const MINIMUM_KEPT_MS = 60_000;

/** Asks the cluster about one topic, another broker each time: one that is frozen is not the cluster. */
export function createTopicCheck(options: {
  kafka: Pick<KafkaClient, "access">;
  topic: string;
}): TopicCheck {
  const { topic } = options;
  const connections = createConnections(options.kafka);
  let minimum: { readonly replicas: number; readonly readAtMs: number } | undefined;

  const minInSyncReplicas = async (): Promise<number> => {
    const nowMs = performance.now();
    if (minimum === undefined || nowMs - minimum.readAtMs > MINIMUM_KEPT_MS) {
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

/** @returns 1, which every partition with a leader has, where this user may not ask */
async function readMinInSyncReplicas(connections: Connections, topic: string): Promise<number> {
  try {
    return Number((await connections.topicSetting(topic, "min.insync.replicas")) ?? 1);
  } catch (error) {
    if (typeOf(error)?.endsWith("AUTHORIZATION_FAILED")) return 1;
    throw error;
  }
}
