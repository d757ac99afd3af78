import { migrate } from "@fiberstream/provisioning/migrate";
import { deployTopics } from "@fiberstream/provisioning/topics";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { type BenchParts, startBenchParts } from "../harness/backing-services.ts";

/** Parts of the run's own, migrated and with topics. */
export async function startSinkParts(
  life: Life,
  onProgress: (doing: string) => void,
): Promise<BenchParts> {
  const parts = await startBenchParts(life, onProgress);
  const { databaseUrl, kafkaBrokers, schemaRegistryUrl } = parts;
  await migrate({ databaseUrl, print: () => undefined });
  await deployTopics({
    brokers: [kafkaBrokers],
    schemaRegistryUrl,
    namespace: "",
    log: createLog({ service: "bench", level: "silent", format: "json" }),
    print: () => undefined,
  });
  return parts;
}
