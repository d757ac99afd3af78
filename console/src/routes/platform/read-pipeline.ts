import { groupLags } from "@fiberstream/kafka/group-lag";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { messageOf } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { z } from "zod";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import type { TenantScope } from "../../access/scope.ts";
import { isoText, platformStatement, type Statement } from "../../questions/statement.ts";

/** The consumers of the path, in its order. */
const CONSUMERS = [
  { service: "stream-processor", topic: "probe.metrics.raw" },
  { service: "sink-writer", topic: "probe.metrics.enriched" },
] as const;
/** Kafka is asked at most so often, for all askers together. */
const KEEP_MS = 5_000;
const KAFKA_MAX_WAIT_MS = 10_000;

const consumerSchema = z.object({
  service: z.string(),
  topic: z.string(),
  state: z
    .string()
    .describe("Of the consumer group, as the broker calls it; none: it has committed nothing."),
  members: z.number().int(),
  lag_records: z.number().int(),
  lag_seconds: z.number().describe("Age of the oldest record that is not processed."),
  partitions_without_leader: z.number().int(),
});
type Consumer = z.output<typeof consumerSchema>;

export const pipelineSchema = z.object({
  consumers: z.array(consumerSchema).nullable().describe("null: Kafka does not answer."),
  kafka_problem: z.string().nullable(),
  sink_partitions: z.array(
    z.object({
      topic: z.string(),
      partition: z.number().int(),
      next_offset: z.number().int(),
      updated_at: z.string(),
    }),
  ),
  reconciliation: z.object({
    newest_minute: z.string().nullable(),
    minutes: z
      .record(z.string(), z.number().int())
      .describe("Of the last hour, by verdict: ok, differs, not known."),
    unaccounted_events: z.number().int().describe("Of the last day."),
  }),
});

export type PipelineState = z.output<typeof pipelineSchema>;

export type Pipeline = { readonly kafka: KafkaClient; readonly namespace: string };

/** @throws {Refusal} NOT_ALLOWED for readers of one tenant */
export type ReadPipeline = (scope: TenantScope) => Promise<PipelineState>;

/** Reads how far each consumer is, and whether every event is accounted for. */
export function createReadPipeline({
  ask,
  pipeline,
}: {
  ask: Ask;
  pipeline: Pipeline;
}): ReadPipeline {
  const readConsumers = createConsumerView(pipeline);
  return async (scope) => {
    const ofPlatform = (text: string): Statement => {
      const statement = platformStatement(scope, () => text);
      if (statement !== undefined) return statement;
      throw new Refusal(
        "NOT_ALLOWED",
        "the pipeline is common to all tenants: ask with a key of all tenants",
      );
    };
    // One statement at a time, as every question: there are as many connections as questions.
    const partitions = await ask<PipelineState["sink_partitions"][number]>(
      ofPlatform(SINK_OFFSETS),
    );
    const minutes = await ask<{ verdict: string; count: number }>(ofPlatform(VERDICTS));
    const books = await ask<{ newest: string | null; unaccounted: number }>(ofPlatform(BOOKS));
    return {
      ...(await readConsumers()),
      sink_partitions: partitions,
      reconciliation: {
        newest_minute: books[0]?.newest ?? null,
        minutes: Object.fromEntries(minutes.map(({ verdict, count }) => [verdict, count])),
        unaccounted_events: books[0]?.unaccounted ?? 0,
      },
    };
  };
}

const SINK_OFFSETS = `
  SELECT topic, partition, next_offset::double precision AS next_offset, ${isoText("updated_at")} AS updated_at
  FROM sink_offsets ORDER BY topic, partition LIMIT 10000`;
const VERDICTS = `
  SELECT verdict, count(*)::double precision AS count
  FROM reconciled_minutes WHERE minute >= now() - interval '1 hour' GROUP BY verdict ORDER BY verdict`;
const BOOKS = `
  SELECT (SELECT ${isoText("max(minute)")} FROM reconciled_minutes) AS newest,
         (SELECT coalesce(sum(unaccounted), 0)::double precision FROM reconciled_minutes
          WHERE minute >= now() - interval '1 day') AS unaccounted`;

type View = { consumers: Consumer[] | null; kafka_problem: string | null };

/** Asks Kafka for the lags. An answer without Kafka is an answer, too: that is when somebody looks. */
function createConsumerView({ kafka, namespace }: Pipeline): () => Promise<View> {
  let known: { readonly atMs: number; readonly view: Promise<View> } | undefined;

  const lagOf = async ({ service, topic: name }: (typeof CONSUMERS)[number]): Promise<Consumer> => {
    const topic = topicIn(namespace, name);
    const lags = await groupLags({ kafka, topic, nowMs: wallNowMs() });
    const lag = lags.find(({ groupId }) => groupId === `${namespace}${service}`);
    return {
      service,
      topic,
      state: lag?.state ?? "none",
      members: lag?.members ?? 0,
      lag_records: lag?.records ?? 0,
      lag_seconds: lag?.seconds ?? 0,
      partitions_without_leader: lag?.leaderless ?? 0,
    };
  };
  const read = async (): Promise<View> => {
    try {
      const consumers = await withTimeout(Promise.all(CONSUMERS.map(lagOf)), {
        maxWaitMs: KAFKA_MAX_WAIT_MS,
        late: () => new Error(`Kafka has not answered within ${KAFKA_MAX_WAIT_MS} ms`),
      });
      return { consumers, kafka_problem: null };
    } catch (error) {
      return { consumers: null, kafka_problem: messageOf(error) };
    }
  };
  return () => {
    const atMs = performance.now();
    if (known === undefined || atMs - known.atMs > KEEP_MS) known = { atMs, view: read() };
    return known.view;
  };
}
