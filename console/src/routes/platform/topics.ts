import { topicIn } from "@fiberstream/kafka/topic-names";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";
import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";

const topicSchema = z.object({
  name: z.string().describe("In the catalogue."),
  topic: z.string().describe("On the cluster of this installation."),
  key: z.string(),
  value: z.string().describe("The Avro schema's name, or the form of the bytes."),
  partitions: z.number().int().describe("That the deploy step creates."),
  cleanup: z.enum(["delete", "compact"]),
  retention_ms: z.number().int().nullable(),
  meaning: z.string(),
  ordering: z.string(),
  delivery: z.string(),
  volume: z.string(),
  owner: z.string(),
  relied_on_by: z.array(z.string()),
});

/** `GET /api/v1/topics`: the catalogue of topics. */
export const topicsRoute = ({ namespace }: { namespace: string }) =>
  route({
    method: "GET",
    path: "/api/v1/topics",
    operationId: "listTopics",
    summary: "Returns the catalogue of topics: what each contains and guarantees",
    permission: "topics:read",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success: { status: 200, name: "Topics", schema: z.object({ data: z.array(topicSchema) }) },
    codes: [],
    answer: async () =>
      jsonAnswer(200, {
        data: Object.entries<Topic>(TOPICS).map(([name, topic]) => ({
          name,
          topic: topicIn(namespace, name as TopicName),
          key: topic.key,
          value: typeof topic.value === "string" ? topic.value : topic.value.avro,
          partitions: topic.partitions,
          cleanup: topic.cleanup,
          retention_ms: topic.retentionMs ?? null,
          meaning: topic.meaning,
          ordering: topic.ordering,
          delivery: topic.delivery,
          volume: topic.volume,
          owner: topic.owner,
          relied_on_by: topic.reliedOnBy,
        })),
      }),
  });
