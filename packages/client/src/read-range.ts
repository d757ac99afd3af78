import { offsetsAt } from "@fiberstream/kafka/offsets-at";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import type { Cluster } from "./cluster.ts";
import { connectionTo } from "./connection.ts";
import { createDecodeRecords } from "./decode-records.ts";
import { explained } from "./topic-missing.ts";
import type { TopicRecord, TopicValues, UndecodableError } from "./topic-record.ts";

export type ReadRangeOptions<Topic extends keyof TopicValues> = {
  readonly cluster: Cluster;
  readonly topic: Topic;
  /** The first record is the first one written at or after this; default: the first one that is kept. */
  readonly from?: Date;
  /** Ends before the first record written at or after this; default: what the topic holds now. */
  readonly to?: Date;
  readonly onUndecodable?: (error: UndecodableError) => void;
};

/**
 * Reads a stretch of a topic without a group, and ends: for a back-fill or a look. Committed records,
 * partition by partition, each in its order. Nothing is remembered.
 *
 * @throws {UndecodableError}, or an Error that says why Kafka or the registry cannot be read
 */
export async function* readRange<Topic extends keyof TopicValues>(
  options: ReadRangeOptions<Topic>,
): AsyncGenerator<TopicRecord<Topic>, void, undefined> {
  const { cluster, from, to, onUndecodable } = options;
  const { kafka, registry } = connectionTo(cluster);
  const topic = topicIn(cluster.namespace ?? "", options.topic);
  const decode = createDecodeRecords({ registry, topic: options.topic, onUndecodable });
  const reader = await connectTopicReader({ kafka });
  try {
    const stretches = await reader.ranges(topic, { since: from?.getTime() });
    const endOf = to === undefined ? undefined : await endsAt(to);
    for (const stretch of stretches) {
      const until = endOf?.get(stretch.partition) ?? stretch.until;
      for await (const records of reader.read(topic, { ...stretch, until })) {
        yield* await decode(stretch.partition, records);
      }
    }
  } catch (error) {
    throw explained(error, topic);
  } finally {
    await reader.close();
  }

  async function endsAt(time: Date): Promise<Map<number, bigint | undefined>> {
    const offsets = await offsetsAt({ kafka, topic, timeMs: time.getTime() });
    return new Map(offsets.map(({ partition, atTime }) => [partition, atTime]));
  }
}
