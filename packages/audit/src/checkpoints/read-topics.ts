import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import type { AuditEntry } from "@fiberstream/schemas/generated/records";
import type { FoundCheckpoint } from "./check-checkpoints.ts";
import type { CopiedEntry } from "./check-copy.ts";
import { entryOfRecord } from "./entry-record.ts";

/** Both topics have one partition, so that their records have one order. */
const PARTITION = 0;

/**
 * Reads the checkpoints of the topic audit.checkpoints, the oldest first.
 *
 * @param options.last reads only so many records at the end; by default all
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readCheckpointTopic(options: {
  reader: Pick<TopicReader, "range" | "read">;
  topic: string;
  last?: number;
}): Promise<FoundCheckpoint[]> {
  const { reader, topic, last } = options;
  const found: FoundCheckpoint[] = [];
  for await (const records of reader.read(topic, await endOf(reader, topic, last))) {
    for (const { offset, value } of records) {
      found.push({ note: value?.toString() ?? "", where: `offset ${offset} of ${topic}` });
    }
  }
  return found;
}

/**
 * Reads entries of the topic audit.entries in the order of the topic, a fetch at a time. Those of other origins are left out.
 *
 * @param options.last reads only so many records at the end; by default all
 * @param options.onUnreadable gets the offset of a record that is no entry, and why
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function* readEntryTopic(options: {
  reader: Pick<TopicReader, "range" | "read">;
  decoder: RecordDecoder<AuditEntry>;
  topic: string;
  origin: string;
  last?: number;
  onUnreadable: (offset: string, reason: string) => void;
}): AsyncGenerator<readonly CopiedEntry[]> {
  const { reader, decoder, topic, origin, last } = options;
  for await (const records of reader.read(topic, await endOf(reader, topic, last))) {
    await decoder.prepare(records.map(({ value }) => value));
    const entries: CopiedEntry[] = [];
    for (const { offset, value } of records) {
      const decoded = decoder.decode(value);
      if (decoded.kind === "dead") options.onUnreadable(offset, decoded.reason.message);
      else if (decoded.value.origin === origin) {
        entries.push({ ...entryOfRecord(decoded.value), offset });
      }
    }
    yield entries;
  }
}

async function endOf(reader: Pick<TopicReader, "range">, topic: string, last: number | undefined) {
  const range = await reader.range(topic, PARTITION);
  if (last === undefined || range.until - BigInt(last) <= range.from) return range;
  return { ...range, from: range.until - BigInt(last) };
}
