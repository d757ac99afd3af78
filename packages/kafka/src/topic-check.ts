import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { createConnections } from "./broker/connections.ts";
import type { KafkaClient } from "./kafka.ts";
import { isTopicMissing, kafkaFailure } from "./kafka-errors.ts";

export type TopicCheck = {
  /**
   * Resolves when the topic is there and some of its partitions have a leader: who produces to the
   * others is told so for each record.
   * @throws {TransientError} when Kafka is away or no partition has a leader
   * @throws {FatalError} when there is no such topic, or Kafka refuses
   */
  look: () => Promise<void>;
  close: () => Promise<void>;
};

/** Asks the cluster about one topic, another broker each time: one that is frozen is not the cluster. */
export function createTopicCheck(options: {
  kafka: Pick<KafkaClient, "access">;
  topic: string;
}): TopicCheck {
  const { topic } = options;
  const connections = createConnections(options.kafka);
  return {
    look: async () => {
      try {
        const { leaders } = await connections.topicMetadata(topic);
        if ([...leaders.values()].every(({ address }) => address === undefined)) {
          const what = `none of the ${leaders.size} partitions of ${topic} has a leader`;
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
