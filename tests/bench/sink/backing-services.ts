import { migrate } from "@fiberstream/provisioning/migrate";
import { deployTopics } from "@fiberstream/provisioning/topics";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import {
  type BenchBackingServices,
  startBenchBackingServices,
} from "../harness/backing-services.ts";

/** Starts backing services with a migrated database and topics. */
export async function startSinkBackingServices(
  life: Life,
  onProgress: (progress: string) => void,
): Promise<BenchBackingServices> {
  const backingServices = await startBenchBackingServices(life, onProgress);
  const { databaseUrl, kafkaBrokers, schemaRegistryUrl } = backingServices;
  await migrate({ databaseUrl, print: () => undefined });
  await deployTopics({
    brokers: [kafkaBrokers],
    schemaRegistryUrl,
    namespace: "",
    log: createLog({ service: "bench", level: "silent", format: "json" }),
    print: () => undefined,
  });
  return backingServices;
}
