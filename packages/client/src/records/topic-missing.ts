import { isTopicMissing } from "@fiberstream/kafka/kafka-errors";

/** Returns an error that names a missing topic, which Kafka's error does not. */
export const explained = (error: unknown, topic: string): unknown =>
  isTopicMissing(error)
    ? new Error(
        `the topic ${topic} does not exist, or this account has no permission for it. Check the namespace`,
        {
          cause: error,
        },
      )
    : error;
