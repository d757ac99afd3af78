import { FatalError, TransientError } from "@fiberstream/runtime/errors";
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

/** Asks the cluster about one topic, over a connection that is kept. */
export function createTopicCheck(options: { kafka: KafkaClient; topic: string }): TopicCheck {
  const { topic } = options;
  const admin = options.kafka.admin();
  return {
    look: async () => {
      try {
        await admin.connect();
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const partitions = topics[0]?.partitions ?? [];
        if (partitions.every(({ leader }) => leader < 0)) {
          const what = `none of the ${partitions.length} partitions of ${topic} has a leader`;
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
    close: () => admin.disconnect(),
  };
}
