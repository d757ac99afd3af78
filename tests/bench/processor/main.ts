import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { Client } from "pg";
import { type BenchContext, runCommand, withBenchContext } from "../harness/command.ts";
import { startSharedTestkit } from "../harness/shared-testkit.ts";
import type { Progress } from "../harness/progress.ts";
import type { Quantiles } from "../harness/quantiles.ts";
import { type Drained, watchDrain } from "./drain.ts";
import { measureFreshness } from "./freshness.ts";
import { measureNodeChanges } from "./node-changes.ts";
import { createCommand, type Options } from "./options.ts";
import { createRawRecords } from "./raw-records.ts";

const RECORDS_PER_SEND = 2_000;
const TOPICS = { raw: "probe.metrics.raw", enriched: "probe.metrics.enriched" } as const;

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  const figures = await withBenchContext((context) => measure(options, context));
  process.stdout.write(
    options.json
      ? `${JSON.stringify(figures)}\n`
      : renderFigures(figures.drained, figures.freshness, figures.changes),
  );
}

async function measure(options: Options, { life, progress }: BenchContext) {
  const { addresses, createTestDatabase, createTestTopics, startService } =
    await startSharedTestkit({ life, progress });
  const { kafkaBrokers, schemaRegistryUrl } = addresses;

  await createTestTopics("");
  const database = await createTestDatabase();
  const log = createLog({ service: "bench", level: "error", format: "json" });
  const kafka = createKafka({ brokers: [kafkaBrokers], clientId: "bench", log });
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const schemaId = await createSchemaRegistry({ url: schemaRegistryUrl }).idOf(
    subjectOf(TOPICS.raw),
    readAvroSchema("ProbeMetric"),
  );
  const raw = createRawRecords({ schemaId, mix: options, run: randomUUID().slice(0, 8) });
  await registerNodes(database.url, raw.nodeIds());
  await sendBacklog({ producer, record: raw.record, events: options.events, progress });

  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  progress.step("draining", options.events);
  const processor = await startService("stream-processor", {
    DATABASE_URL: database.url,
    LOG_LEVEL: "warn",
    ...(options.profile !== undefined && {
      NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${options.profile}`,
    }),
  });
  life.own(processor, (owned) => owned.stop());
  const drained = await watchDrain(processor, options.events, progress.done);

  const context = { kafka, producer, topics: TOPICS, log };
  const recordsOf = (nodes: number) =>
    createRawRecords({ schemaId, mix: { nodes, unknown: 0, bad: 0 }, run: randomUUID() });

  const measureCalm = () => {
    progress.step(`100 events/s for ${options.freshness} s`);
    const { record } = recordsOf(options.nodes);
    return measureFreshness({ ...context, record, seconds: options.freshness });
  };
  const freshness = options.freshness === 0 ? undefined : await measureCalm();

  const measureChanges = () => {
    progress.step(`${options.changes} changes of a node`);
    const { record, nodeIds } = recordsOf(1);
    const [nodeId = ""] = nodeIds();
    const databaseUrl = database.url;
    return measureNodeChanges({
      ...context,
      record,
      databaseUrl,
      nodeId,
      changes: options.changes,
    });
  };
  const changes = options.changes === 0 ? undefined : await measureChanges();
  return { drained, freshness, changes };
}

async function registerNodes(databaseUrl: string, nodeIds: readonly string[]): Promise<void> {
  const sql = new Client({ connectionString: databaseUrl });
  await sql.connect();
  await sql.query(
    "INSERT INTO nodes (node_id, country, region) SELECT id, 'GH', 'Greater Accra' FROM unnest($1::text[]) AS id",
    [nodeIds],
  );
  await sql.end();
}

async function sendBacklog(options: {
  producer: Producer;
  record: ReturnType<typeof createRawRecords>["record"];
  events: number;
  progress: Progress;
}): Promise<void> {
  const { producer, record, events, progress } = options;
  progress.step(`sending ${events} events`, events);
  for (let at = 0; at < events; at += RECORDS_PER_SEND) {
    const count = Math.min(RECORDS_PER_SEND, events - at);
    await producer.send(
      TOPICS.raw,
      Array.from({ length: count }, (_, index) => record(at + index)),
    );
    progress.done(at + count);
  }
}

function renderFigures(
  drained: Drained,
  freshness: Quantiles | undefined,
  changes: Quantiles | undefined,
): string {
  const lines = [
    ["events", `${drained.records} in ${drained.seconds.toFixed(1)} s`],
    ["rate", `${Math.round(drained.eventsPerSecond)} events/s`],
    ["CPU", `${drained.cpuUsPerEvent.toFixed(1)} us per event`],
    ["RSS", `${Math.round(drained.rssMb)} MB at most`],
    ["batches", `${drained.batchesPerSecond.toFixed(1)} per second`],
    ...Object.entries(drained.lookups).map(([what, count]) => [`lookups: ${what}`, String(count)]),
  ];
  for (const [what, times, of] of [
    ["freshness", freshness, "events"],
    ["change of a node visible", changes, "changes"],
  ] as const) {
    if (times === undefined) continue;
    const figures = [times.p50Ms, times.p99Ms, times.maxMs].map((ms) => `${ms.toFixed(0)} ms`);
    lines.push([what, `p50, p99, max ${figures.join(", ")} of ${times.count} ${of}`]);
  }
  return lines.map(([name = "", value]) => `${name.padEnd(28)}${value}\n`).join("");
}
