import { setTimeout as delay } from "node:timers/promises";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

/**
 * Says when a partition is begun anew although it has been read before: the group's offset of it is gone. It expires
 * when the group has been empty for longer than the brokers' `offsets.retention.minutes`, or was deleted by someone.
 * Events of that partition are then enriched again; the table keeps one row of each, by its key.
 *
 * @returns to be called with the partitions of raw that have no committed offset, before they are read; never rejects
 */
export function createMissingOffsets(options: {
  reader: Pick<TopicReader, "range">;
  topics: { readonly raw: string; readonly enriched: string };
  log: Log;
}): (partitions: readonly number[]) => Promise<void> {
  const { reader, topics, log } = options;

  const tell = async (partition: number) => {
    const [raw, enriched] = await Promise.all([
      reader.range(topics.raw, partition),
      reader.range(topics.enriched, partition),
    ]);
    // Events go to the partition of the same number: where there are none, raw was never read.
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
    // Each by itself: one that nobody leads must not keep what is known of the others from being told.
    const told = partitions.map((partition) =>
      tell(partition).catch((error: unknown) => {
        log.warn(
          { partition, reason: messageOf(error) },
          "not looked whether an offset is missing",
        );
      }),
    );
    if (told.length === 0) return;
    // A broker that does not answer must not hold back the partitions of the others.
    await Promise.race([Promise.all(told), delay(MOST_WAIT_MS, undefined, { ref: false })]);
  };
}

const MOST_WAIT_MS = 2_000;
