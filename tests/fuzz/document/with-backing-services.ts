import { createLife, type Life } from "@fiberstream/runtime/life";
import type { Addresses } from "@fiberstream/testkit/addresses";
import { setAddresses } from "@fiberstream/testkit/config";
import { startSharedBackingServices } from "@fiberstream/testkit/shared-backing-services";

/**
 * Runs `work` with backing services, which end after it, or at a signal.
 * @param work may import modules of the testkit that read the addresses when they are imported
 */
export async function withBackingServices<T>(
  work: (life: Life, addresses: Addresses) => Promise<T>,
): Promise<T> {
  const life = createLife();
  const onSignal = () => void life.stop().finally(() => process.exit(130));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const backingServices = life.own(await startSharedBackingServices(() => undefined), (owned) =>
      owned.stop(),
    );
    setAddresses(JSON.stringify(backingServices.addresses));
    const { createTestTopics } = await import("@fiberstream/testkit/topics");
    await createTestTopics("");
    return await work(life, backingServices.addresses);
  } finally {
    await life.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}
