import { setAddresses } from "@fiberstream/testkit/config";
import { startSharedBackingServices } from "@fiberstream/testkit/shared-backing-services";
import type { BenchContext } from "./command.ts";

/**
 * Starts Kafka, registry, Redis and PostgreSQL for one benchmark, and returns functions of the test kit. The test kit
 * reads the addresses when it is imported, so it is imported here, after the start.
 */
export async function startSharedTestkit({ life, progress }: BenchContext) {
  progress.step("starting the backing services");
  const { addresses } = life.own(
    await startSharedBackingServices((doing) => progress.step(doing)),
    (owned) => owned.stop(),
  );
  setAddresses(JSON.stringify(addresses));
  const { createTestDatabase } = await import("@fiberstream/testkit/database");
  const { createTestTopics } = await import("@fiberstream/testkit/topics");
  const { startService } = await import("@fiberstream/testkit/service");
  return { addresses, createTestDatabase, createTestTopics, startService };
}
