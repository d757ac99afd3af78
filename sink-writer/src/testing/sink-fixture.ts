import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { type ReadRecord, readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import avsc from "avsc";
import pg from "pg";
import { recordOf, sampleSchema } from "./sample-rows.ts";

export type SinkFixture = {
  readonly namespace: string;
  readonly topic: string;
  readonly databaseUrl: string;
  readonly sql: pg.Client;
  readonly deadLetters: readonly ReadRecord[];
  readonly start: (
    environment?: Record<string, string>,
    options?: { awaitReady?: boolean },
  ) => Promise<RunningService>;
  readonly untilNotReady: (sink: RunningService, reason: RegExp) => Promise<void>;
  /** @param schema the writer schema, by default this version's; registered if it is new */
  readonly send: (events: readonly EnrichedProbeMetric[], schema?: RecordSchema) => Promise<void>;
  /**
   * Runs the operator's command line on this database and topic.
   * @returns what it prints
   * @throws when it fails
   */
  readonly fiber: (...args: string[]) => Promise<string>;
  readonly storedRows: () => Promise<number>;
  readonly untilStored: (count: number, timeoutMs?: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const FIBER = fileURLToPath(new URL("../../../packages/cli/src/main.ts", import.meta.url));

/** A database, topics and sinks for one test. */
export async function createSinkFixture(): Promise<SinkFixture> {
  const life = createLife();
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
  const namespace = testNamespace();
  const topic = topicIn(namespace, "probe.metrics.enriched");
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  await createTestTopics(namespace);
  const sql = life.own(new pg.Client({ connectionString: database.url }), (owned) => owned.end());
  // The test may terminate all connections of the database, this one included.
  sql.on("error", () => undefined);
  await sql.connect();
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const deadLetters = life.own(
    await readTopic(addresses.kafkaBrokers, topicIn(namespace, "probe.metrics.dead-letter")),
    (owned) => owned.close(),
  );

  const storedRows = async () => {
    const { rows } = await sql.query<{ count: number }>("SELECT count(*)::int FROM metrics");
    return rows[0]?.count ?? 0;
  };
  return {
    namespace,
    topic,
    databaseUrl: database.url,
    sql,
    deadLetters: deadLetters.records,
    start: async (environment = {}, options = {}) =>
      life.own(
        await startService(
          "sink-writer",
          { NAMESPACE: namespace, DATABASE_URL: database.url, ...environment },
          options,
        ),
        (owned) => owned.kill(),
      ),
    untilNotReady: async (sink, reason) => {
      const readiness = async () => (await fetch(`${sink.adminUrl}/readyz`)).text();
      await until(async () => reason.test(await readiness()), {
        what: `the sink is not ready because of ${reason}`,
      });
    },
    send: async (events, schema = sampleSchema) => {
      const { id } = await registry.register(subjectOf(topic), schema);
      const type = avsc.Type.forSchema(schema as avsc.Schema);
      const records = events.map((event) => ({
        key: event.node_id,
        value: recordOf(type.toBuffer(event), id).value,
      }));
      for (let at = 0; at < records.length; at += 2_000) {
        await producer.send(topic, records.slice(at, at + 2_000));
      }
    },
    fiber: async (...args) => {
      const env = {
        ...addressSettings(addresses),
        NAMESPACE: namespace,
        DATABASE_URL: database.url,
      };
      return (await promisify(execFile)(process.execPath, [FIBER, ...args], { env })).stdout;
    },
    storedRows,
    untilStored: async (count, timeoutMs = 30_000) => {
      await until(async () => (await storedRows()) === count, {
        what: `${count} rows are stored`,
        timeoutMs,
      });
    },
    stop: life.stop,
  };
}
