import type { TopicName } from "@fiberstream/schemas/topics";

/** Returns the name on the cluster of a topic of the catalogue. */
export const topicIn = (namespace: string, name: TopicName): string => namespace + name;

/** Returns the subject of a topic's value schemas (Confluent's TopicNameStrategy). */
export const subjectOf = (topic: string): string => `${topic}-value`;
