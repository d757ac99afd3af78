import { setTimeout as delay } from "node:timers/promises";
import type { ServiceProcess } from "../platform/service-process.ts";
import { retryWithAdmin } from "./with-admin.ts";

const GROUP = "stream-processor";
const TOPIC = "probe.metrics.enriched";

/** End offsets of the enriched topic, by partition, when the processor had to start again. */
export type EnrichedEnds = ReadonlyMap<number, bigint>;

/**
 * Deletes the processor's offsets, as Kafka does after a week in which the group was empty. The processor enriches all
 * records of raw again.
 *
 * @returns the end offsets of the enriched topic before that
 */
export async function deleteOffsets(options: {
  brokers: readonly string[];
  processors: readonly ServiceProcess[];
  lastsMs: number;
}): Promise<EnrichedEnds> {
  await Promise.all(options.processors.map((processor) => processor.stop()));
  try {
    const { brokers } = options;
    // A processor that could not leave its group is a member until its session ends.
    await retryWithAdmin(brokers, "the processor's offsets are deleted", async (admin) => {
      const { groups } = await admin.listGroups();
      if (groups.some(({ groupId }) => groupId === GROUP)) await admin.deleteGroups([GROUP]);
      return true;
    });
    const ends = await retryWithAdmin(brokers, "the enriched topic's ends are known", (admin) =>
      admin.fetchTopicOffsets(TOPIC),
    );
    await delay(options.lastsMs);
    return new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
  } finally {
    for (const processor of options.processors) processor.start();
  }
}
