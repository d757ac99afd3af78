import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { createPool } from "@fiberstream/postgres/pool";
import { addressOf } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { readOffsets } from "./offsets/stored-offsets.ts";
import { MARKS_BY_WRITER } from "./rollups/mark-roll-ups.ts";
import type { sinkSettings } from "./settings.ts";
import { readTableLayout } from "./tuples/table-layout.ts";

const SERVER_SETTINGS = {
  ...MARKS_BY_WRITER,
  // A crash of the server may lose the last commits: rows together with their offsets, so the sink reads these
  // records again. Waiting for the disk at each commit would take a tenth of the time.
  synchronous_commit: "off",
  // Inserting a late row decompresses the rows around it. Past the default of 100,000 tuples TimescaleDB
  // would reject the whole batch at each retry.
  "timescaledb.max_tuples_decompressed_per_dml_transaction": "0",
};

/**
 * Connects to PostgreSQL, the schema registry and Kafka, and waits for each; `life` owns all of them.
 *
 * @returns the connections, and the table's layout
 * @throws {FatalError} for settings that contradict each other, before it connects to anything
 */
export async function connect(frame: ServiceFrame<typeof sinkSettings>, topic: string) {
  const { config, log, life, waitFor } = frame;
  const access = { kafka: kafkaAccess(config), registry: registryAccess(config) };

  const poolOf = (maxConnections: number) =>
    life.own(
      createPool({
        databaseUrl: config.databaseUrl,
        applicationName: "fiberstream-sink-writer",
        maxConnections,
        serverSettings: SERVER_SETTINGS,
        log,
      }),
      (owned) => owned.end(),
    );
  // One more than writers, for offsets and other short queries.
  const pool = poolOf(config.writers + 1);
  // Apart from the writers', so that a slow query of maintenance does not delay a write.
  const maintenancePool = poolOf(3);
  const postgres = { name: "postgres", where: addressOf(config.databaseUrl) };
  await waitFor(postgres, () => readOffsets(pool, topic));
  const readerSchema = readAvroSchema("EnrichedProbeMetric");
  const layout = await waitFor(postgres, () => readTableLayout(pool, readerSchema));

  const registry = createSchemaRegistry(access.registry);
  await waitFor({ name: "registry", where: addressOf(config.schemaRegistryUrl) }, () =>
    registry.idOf(subjectOf(topic), readerSchema),
  );

  const kafka = createKafka({ ...access.kafka, clientId: "sink-writer", log });
  const waitForKafka = <T>(attempt: () => Promise<T>) =>
    waitFor({ name: "kafka", where: config.kafkaBrokers.join(",") }, attempt);
  const producer = life.own(await waitForKafka(() => connectProducer({ kafka })), (owned) =>
    owned.close(),
  );
  return { pool, maintenancePool, layout, readerSchema, registry, kafka, waitForKafka, producer };
}
