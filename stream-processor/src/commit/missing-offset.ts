import { setTimeout as delay } from "node:timers/promises";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

/**
 * Warns when a partition that was read before starts from the beginning because the group's offset is gone. It expires
 * when the group has been empty for longer than the brokers' `offsets.retention.minutes`, or was deleted by someone.
 * Events of that partition are then enriched again; the table keeps one row of each, by its key.
 *
 * @returns a function to call with the partitions of raw that have no committed offset, before they are read. It never
 *   rejects
 */
export function createMissingOffsetWarning(options: {
  reader: Pick<TopicReader, "range">;
  topics: { readonly raw: string; readonly enriched: string };
  log: Log;
}): (partitions: readonly number[]) => Promise<void> {
  const { reader, topics, log } = options;

  const warnIfReadBefore = async (partition: number) => {
    const [raw, enriched] = await Promise.all([
      reader.range(topics.raw, partition),
      reader.range(topics.enriched, partition),
    ]);
    // A raw partition's events go to the enriched partition of the same number: if that is empty, raw was never read.
    if (raw.from === raw.until || enriched.from === enriched.until) return;
    log.warn(
      {
        topic: topics.raw,
        partition,
        fromOffset: String(raw.from),
        endOffset: String(raw.until),
        advice:
          "check offsets.retention.minutes of the brokers; consumers of the enriched topic see events again",
      },
      "offset missing, starting at the beginning, events will be enriched again",
    );
  };

  return async (partitions) => {
    // One by one: a partition without a leader must not suppress the warnings of the others.
    const warnings = partitions.map((partition) =>
      warnIfReadBefore(partition).catch((error: unknown) => {
        log.warn({ partition, reason: messageOf(error) }, "check for missing offsets failed");
      }),
    );
    if (warnings.length === 0) return;
    // A broker that does not answer must not delay the partitions of the others.
    await Promise.race([Promise.all(warnings), delay(MAX_WAIT_MS, undefined, { ref: false })]);
  };
}

const MAX_WAIT_MS = 2_000;
