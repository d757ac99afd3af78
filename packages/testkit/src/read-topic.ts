import { createKafka } from "@fiberstream/kafka/kafka";
import { createLog } from "@fiberstream/runtime/log";
import { randomUUID } from "node:crypto";

export type ReadRecord = {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** As text; the first one where a name comes twice. */
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Reads a topic from its beginning, committed records only, as any consumer of its own group would.
 *
 * @returns `records`, which grows as they come, in order within each partition
 */
export async function readTopic(
  brokers: string,
  topic: string,
): Promise<{ records: readonly ReadRecord[]; close: () => Promise<void> }> {
  const log = createLog({ service: "testkit", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [brokers], clientId: "testkit", log });
  const consumer = kafka.consumer({ groupId: `testkit-${randomUUID()}`, maxWaitTimeInMs: 100 });
  const records: ReadRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).map(
        ([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)] as const,
      );
      records.push({
        partition,
        offset: message.offset,
        key: message.key,
        value: message.value,
        headers: Object.fromEntries(headers),
      });
    },
  });
  return {
    records,
    close: async () => {
      await consumer.stop();
      await consumer.disconnect();
    },
  };
}
