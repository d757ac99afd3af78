import { isTopicMissing } from "@fiberstream/kafka/kafka-errors";

/** An error as it is to be thrown: Kafka's own words for a missing topic do not even name it. */
export const explained = (error: unknown, topic: string): unknown =>
  isTopicMissing(error)
    ? new Error(
        `the cluster has no topic ${topic}, or not for this account: is its namespace right?`,
        {
          cause: error,
        },
      )
    : error;
