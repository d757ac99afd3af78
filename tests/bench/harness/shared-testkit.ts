import { setAddresses } from "@fiberstream/testkit/config";
import { startSharedBackingServices } from "@fiberstream/testkit/shared-backing-services";
import type { BenchContext } from "./command.ts";

/**
 * Kafka, registry, Redis and PostgreSQL for one benchmark, and what the test kit makes in them: it reads their
 * addresses as it is loaded, so it is loaded here, after they are up.
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
