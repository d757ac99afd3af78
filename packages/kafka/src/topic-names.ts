import type { TopicName } from "@fiberstream/schemas/topics";

/** The name on the cluster of a topic of the catalogue. */
export const topicIn = (namespace: string, name: TopicName): string => namespace + name;

/** Where a topic's value schemas are registered (Confluent's TopicNameStrategy). */
export const subjectOf = (topic: string): string => `${topic}-value`;
