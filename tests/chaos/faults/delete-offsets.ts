import { setTimeout as delay } from "node:timers/promises";
import { until } from "@fiberstream/testkit/until";
import type { ServiceProcess } from "../service-process.ts";
import { TRY_FOR_MS, withAdmin } from "./with-admin.ts";

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
    return await withAdmin(options.brokers, async (admin) => {
      // One that did not come to leave its group is a member until its session ends.
      await until(() => admin.deleteGroups([GROUP]).then(() => true), {
        what: "the processor's offsets are deleted",
        timeoutMs: TRY_FOR_MS,
      });
      const ends = await until(() => admin.fetchTopicOffsets(TOPIC), {
        what: "the enriched topic's ends are known",
        timeoutMs: TRY_FOR_MS,
      });
      await delay(options.lastsMs);
      return new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
    });
  } finally {
    for (const processor of options.processors) processor.start();
  }
}
