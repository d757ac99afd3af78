import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { createLog } from "@fiberstream/runtime/log";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import { until } from "@fiberstream/testkit/until";
import { Client } from "pg";
import type { BackingServices } from "../platform/backing-services.ts";
import type { ServiceProcess } from "../platform/service-process.ts";
import { RETRY_FOR_MS, withAdmin } from "./with-admin.ts";

const TOPIC = "probe.metrics.enriched";
const FIBER = fileURLToPath(new URL("../../../packages/cli/src/main.ts", import.meta.url));

/**
 * Deletes and recreates the enriched topic. The sink has to stop and report each of its partitions, whatever the new
 * topic contains by then, and to resume after an operator has accepted the new log.
 * @throws when a partition is not stopped, or does not resume
 */
export async function recreateTopic(options: {
  backingServices: BackingServices;
  sinks: readonly ServiceProcess[];
}): Promise<void> {
  const { backingServices, sinks } = options;
  const written = await writtenPartitions(backingServices.databaseUrl);
  await withAdmin(backingServices.brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
    const count = topics[0]?.partitions.length ?? 0;
    await admin.deleteTopics({ topics: [TOPIC] });
    await until(async () => !(await admin.listTopics()).includes(TOPIC), {
      what: "the enriched topic is deleted",
      timeoutMs: RETRY_FOR_MS,
    });
    await deployTopics({
      brokers: backingServices.brokers,
      schemaRegistryUrl: backingServices.of("registry").address,
      namespace: "",
      log: createLog({ service: "chaos", level: "silent", format: "json" }),
      print: () => undefined,
    });
    await admin
      .createPartitions({ topicPartitions: [{ topic: TOPIC, count }] })
      // The topic has the catalogue's number of partitions already.
      .catch(() => undefined);
  });
  await until(
    async () => {
      const stopped = await Promise.all(sinks.map((sink) => sink.stoppedPartitions(TOPIC)));
      return stopped.flat().length === written;
    },
    { what: `${written} partitions of the enriched topic are stopped`, timeoutMs: RETRY_FOR_MS },
  );
  await promisify(execFile)(process.execPath, [FIBER, "sink", "accept-log", "--yes"], {
    env: {
      ...inheritedEnvironment(),
      KAFKA_BROKERS: backingServices.brokers.join(","),
      SCHEMA_REGISTRY_URL: backingServices.of("registry").address,
      DATABASE_URL: backingServices.databaseUrl,
    },
  });
  await until(
    async () => {
      const stopped = await Promise.all(sinks.map((sink) => sink.stoppedPartitions(TOPIC)));
      const ready = await Promise.all(sinks.map((sink) => sink.isReady()));
      return stopped.flat().length === 0 && ready.every(Boolean);
    },
    { what: "the sinks resume with the new log", timeoutMs: RETRY_FOR_MS },
  );
}

/** Returns how many partitions have a stored offset above 0. */
async function writtenPartitions(databaseUrl: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM sink_offsets WHERE topic = $1",
      [TOPIC],
    );
    return rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}
