import { offsetsAt } from "@fiberstream/kafka/offsets-at";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import type { Cluster } from "../cluster.ts";
import { connectionTo } from "../connection.ts";
import { createDecodeRecords } from "../records/decode-records.ts";
import { explained } from "../records/topic-missing.ts";
import type { TopicRecord, TopicValues, UndecodableError } from "../records/topic-record.ts";

export type ReadRangeOptions<Topic extends keyof TopicValues> = {
  readonly cluster: Cluster;
  readonly topic: Topic;
  /** Begins at the first record that was written at or after this time; default: the first record of the topic. */
  readonly from?: Date;
  /** Ends before the first record that was written at or after this time; default: the current end of the topic. */
  readonly to?: Date;
  readonly onUndecodable?: (error: UndecodableError) => void;
};

/**
 * Reads the committed records of a time range without a group, and ends: for a backfill or a check. It reads partition
 * by partition, each in order, and stores no offsets.
 *
 * @throws {UndecodableError}, or an Error with the reason why Kafka or the registry cannot be read
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
