import { setTimeout as delay } from "node:timers/promises";
import type { ServiceProcess } from "../platform/service-process.ts";
import { insistWithAdmin } from "./with-admin.ts";

const GROUP = "stream-processor";
const TOPIC = "probe.metrics.enriched";

/** Where a partition of the enriched topic ended when the processor was sent back to the beginning. */
export type EnrichedEnds = ReadonlyMap<number, bigint>;

/**
 * The processor's offsets are gone, as after a week in which its group was empty: it enriches again what raw
 * still has.
 * @returns where the enriched topic ended before
 */
export async function deleteOffsets(options: {
  brokers: readonly string[];
  processors: readonly ServiceProcess[];
  lastsMs: number;
}): Promise<EnrichedEnds> {
  await Promise.all(options.processors.map((processor) => processor.stop()));
  try {
    const { brokers } = options;
    // One that did not come to leave its group is a member until its session ends.
    await insistWithAdmin(brokers, "the processor's offsets are deleted", async (admin) => {
      const { groups } = await admin.listGroups();
      if (groups.some(({ groupId }) => groupId === GROUP)) await admin.deleteGroups([GROUP]);
      return true;
    });
    const ends = await insistWithAdmin(brokers, "the enriched topic's ends are known", (admin) =>
      admin.fetchTopicOffsets(TOPIC),
    );
    await delay(options.lastsMs);
    return new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
  } finally {
    for (const processor of options.processors) processor.start();
  }
}
