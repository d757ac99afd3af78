import type { BoundedReader } from "@fiberstream/kafka/bounded-reader";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { OffsetRange } from "@fiberstream/kafka/topic-reader";

/** How much of a partition is read for one record. */
const MAX_BYTES = 8 * 1_048_576;
const MAX_MS = 1_500;

export type Scanned<Found> = {
  readonly found: readonly Found[];
  /**
   * Why it ended: all that was wanted is found, a record is later than the record can be, there are no more, or the limit of time and
   * bytes.
   */
  readonly ended: "found" | "later" | "end" | "limit";
  /** Timestamp of the first record that was read, in ms since 1970. */
  readonly firstMs: number | undefined;
};

/**
 * Reads a partition from a time on, until it has found what it looks for, or has read too much.
 *
 * @param options.range the whole partition
 * @param options.latestMs records with a later timestamp end the search
 * @param options.look returns what it finds in a record; undefined: nothing
 * @param options.most ends the search after so many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function scan<Found>(
  reader: BoundedReader,
  options: {
    topic: string;
    range: OffsetRange;
    fromMs: number;
    latestMs: number;
    look: (record: IncomingRecord) => Promise<Found | undefined>;
    most: number;
    stopping: AbortSignal;
  },
): Promise<Scanned<Found>> {
  const { topic, range, fromMs, latestMs, look, most, stopping } = options;
  const found: Found[] = [];
  const giveUpAtMs = performance.now() + MAX_MS;
  const at = await reader.offsetAt(topic, range.partition, Math.max(0, fromMs), stopping);
  if (at === undefined) return { found, ended: "end", firstMs: undefined };
  const from = at > range.from ? at : range.from;
  let bytes = 0;
  let firstMs: number | undefined;
  for await (const records of reader.read(topic, { ...range, from }, stopping)) {
    for (const record of records) {
      const timestampMs = Number(record.timestamp);
      firstMs ??= timestampMs;
      if (timestampMs > latestMs) return { found, ended: "later", firstMs };
      bytes += record.value?.length ?? 0;
      const one = await look(record);
      if (one !== undefined) found.push(one);
      if (found.length >= most) return { found, ended: "found", firstMs };
    }
    if (bytes > MAX_BYTES || performance.now() > giveUpAtMs) {
      return { found, ended: "limit", firstMs };
    }
  }
  return { found, ended: stopping.aborted ? "limit" : "end", firstMs };
}
