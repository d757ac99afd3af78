import { setTimeout as delay } from "node:timers/promises";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { createKafka } from "@fiberstream/kafka/kafka";
import { offsetsAt } from "@fiberstream/kafka/offsets-at";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { Client } from "pg";
import { type Account, mixedRecords } from "@fiberstream/sink-writer/testing/mixed-records";
import { sampleSchema } from "@fiberstream/sink-writer/testing/sample-rows";

/** A fault of the sink or a backing service while the sink writes a portion. */
export type Fault = "sink killed" | "sink frozen" | "postgres killed" | "kafka killed";

export type Endured = {
  readonly accepted: number;
  readonly expected: Account;
  readonly found: Account;
  /** Rows whose node is missing. */
  readonly orphans: number;
};

const TOPIC = "probe.metrics.enriched";
/** The minimum that a broker allows: after each kill the next sink waits so long for the partitions. */
const SESSION_TIMEOUT_MS = 6_000;
const STALLED_MS = 180_000;

/**
 * Sends records in portions, one for each fault, and injects the fault while the sink writes the portion. It starts its
 * own Kafka and PostgreSQL.
 *
 * @param options.freezeMs a frozen sink resumes when another has written the portion, and not before this time
 * @returns the counts of all records, after all are written
 */
export async function endure(options: {
  faults: readonly Fault[];
  portion: number;
  freezeMs: number;
  onPortion: (fault: Fault, index: number) => void;
}): Promise<Endured> {
  const life = createLife();
  try {
    return await endureWith(life, options);
  } finally {
    await life.stop();
  }
}

async function endureWith(
  life: ReturnType<typeof createLife>,
  options: Parameters<typeof endure>[0],
): Promise<Endured> {
  const { faults, portion, freezeMs, onPortion } = options;
  const [postgres, kafkaServer] = await Promise.all([
    startPrivateBackingService("postgres"),
    startPrivateBackingService("kafka"),
  ]);
  life.own(postgres, (owned) => owned.remove());
  life.own(kafkaServer, (owned) => owned.remove());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const brokers = [kafkaServer.address];
  const { schemaRegistryUrl } = addresses;
  const print = () => undefined;
  await deployTopics({ brokers, schemaRegistryUrl, namespace: "", log, print });
  const database = await createTestDatabase({ serverUrl: postgres.address });
  const kafka = createKafka({ brokers, clientId: "test", log });
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const schemaId = await createSchemaRegistry({ url: schemaRegistryUrl }).idOf(
    subjectOf(TOPIC),
    sampleSchema,
  );
  const start = async () =>
    life.own(
      await startService("sink-writer", {
        KAFKA_BROKERS: kafkaServer.address,
        DATABASE_URL: database.url,
        KAFKA_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
        // Small writes, so that a fault comes when a part of the portion is written.
        SINK_MAX_ROWS: "200",
        SINK_MAX_FETCH_BYTES: "16384",
      }),
      (owned) => owned.kill(),
    );
  const countOf = (sql: string) => countIn(database.url, sql);
  const done = () => countOf("SELECT coalesce(sum(next_offset), 0)::int FROM sink_offsets");
  // A Kafka that has just restarted may not know its partitions yet.
  const accepted = () =>
    until(
      async () =>
        (await offsetsAt({ kafka, topic: TOPIC, timeMs: 0 })).reduce(
          (sum, { high }) => sum + Number(high),
          0,
        ),
      { what: "Kafka returns its offsets" },
    );

  const expected = { rows: 0, repeats: 0, conflicts: 0, deadLetters: 0 };
  let sink: RunningService = await start();
  let sent = 0;
  const untilDone = () =>
    until(async () => (await done()) === sent, {
      what: `all ${sent} records are written`,
      timeoutMs: STALLED_MS,
    });

  for (const [index, fault] of faults.entries()) {
    onPortion(fault, index);
    const mixed = mixedRecords(portion, schemaId);
    for (const key of ["rows", "repeats", "conflicts", "deadLetters"] as const) {
      expected[key] += mixed.expected[key];
    }
    const before = sent;
    const sending = (async () => {
      for (let at = 0; at < portion; at += 1_000) {
        await producer.send(TOPIC, mixed.records.slice(at, at + 1_000));
      }
    })();
    await until(async () => (await done()) > before, { what: "a part of the portion is written" });
    // Not a wait for a condition: it makes the moment of the fault random.
    await delay(Math.random() * 100);
    switch (fault) {
      case "sink killed":
        await sink.kill("SIGKILL");
        sink = await start();
        break;
      case "postgres killed":
        await postgres.kill();
        await postgres.start();
        break;
      case "kafka killed":
        await sending;
        await kafkaServer.kill();
        await kafkaServer.start();
        break;
      case "sink frozen": {
        const frozenAtMs = performance.now();
        await sink.kill("SIGSTOP");
        const other = await start();
        await sending;
        sent = await accepted();
        await untilDone();
        await delay(Math.max(0, freezeMs - (performance.now() - frozenAtMs)));
        await sink.kill("SIGCONT");
        await other.stop();
        break;
      }
    }
    await sending;
    sent = await accepted();
    await untilDone();
  }

  const deadLetterTopic = life.own(
    await readTopic(kafkaServer.address, "probe.metrics.dead-letter"),
    (owned) => owned.close(),
  );
  const origins = () =>
    new Set(
      deadLetterTopic.records.map(
        ({ headers }) =>
          `${headers["__connect.errors.partition"]}/${headers["__connect.errors.offset"]}`,
      ),
    ).size;
  await until(() => origins() >= expected.deadLetters, { what: "the dead letters arrived" });
  const rows = await countOf("SELECT count(*)::int FROM metrics");
  const conflicts = await countOf("SELECT count(*)::int FROM metric_conflicts");
  const deadLetters = origins();
  const repeats = sent - rows - conflicts - deadLetters;
  const orphans = await countOf(
    "SELECT count(*)::int FROM metrics WHERE node_id NOT IN (SELECT node_id FROM nodes)",
  );
  return { accepted: sent, expected, found: { rows, repeats, conflicts, deadLetters }, orphans };
}

/** Uses a new connection, because the server is killed sometimes. */
async function countIn(databaseUrl: string, sql: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, number>>(sql);
    return Object.values(rows[0] ?? {})[0] ?? 0;
  } finally {
    await client.end();
  }
}
