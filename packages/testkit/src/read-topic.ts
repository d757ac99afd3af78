import { createKafka } from "@fiberstream/kafka/kafka";
import type { RecordHeaders } from "@fiberstream/kafka/records";
import { followTopic } from "@fiberstream/kafka/topic-follower";
import { createLog } from "@fiberstream/runtime/log";

export type ReadRecord = {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** As text; the first value if a name occurs twice. */
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Reads the committed records of a topic from its beginning.
 *
 * @returns `records`, to which records are added as they arrive, in order within each partition
 */
export async function readTopic(
  brokers: string,
  topic: string,
): Promise<{ records: readonly ReadRecord[]; close: () => Promise<void> }> {
  const log = createLog({ service: "testkit", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [brokers], clientId: "testkit", log });
  const records: ReadRecord[] = [];
  const follower = followTopic({
    kafka,
    topic,
    onRecords: (read, partition) => {
      for (const { offset, key, value, headers } of read) {
        records.push({ partition, offset, key, value, headers: textsOf(headers) });
      }
    },
    log,
  });
  return { records, close: follower.close };
}

const textsOf = (headers: RecordHeaders = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      String(Array.isArray(value) ? value[0] : value),
    ]),
  );
