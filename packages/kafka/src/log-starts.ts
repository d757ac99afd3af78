import { listOffsetsV7 } from "@platformatic/kafka";
import { answerType } from "./broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "./broker/connections.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import type { LogIdentity } from "./records.ts";

export type LogStarts = {
  readonly log: LogIdentity;
  /** All that the topic has. */
  readonly partitions: readonly number[];
  /** The first offset that there is, by partition; those are missing whose leader does not say at the moment. */
  readonly starts: ReadonlyMap<number, bigint>;
};

/**
 * Where a topic's partitions begin now: behind 0 once retention has deleted something.
 * @throws {TransientError} when Kafka is away or lacks the topic @throws {FatalError}
 */
export async function readLogStarts(
  connections: Pick<Connections, "call" | "topicMetadata">,
  topic: string,
): Promise<LogStarts> {
  try {
    const { log, leaders } = await connections.topicMetadata(topic);
    const byBroker = new Map<string, Asked>();
    for (const [partitionIndex, { address, epoch }] of leaders) {
      if (address === undefined) continue;
      const asked = byBroker.get(nameOf(address)) ?? { address, partitions: [] };
      byBroker.set(nameOf(address), asked);
      asked.partitions.push({ partitionIndex, currentLeaderEpoch: epoch, timestamp: EARLIEST });
    }
    const answers = await Promise.allSettled(
      [...byBroker.values()].map(({ address, partitions }) =>
        connections.call(address, "questions", { api: listOffsetsV7.api }, CONSUMER, 0, [
          { name: topic, partitions },
        ]),
      ),
    );
    const found = answers
      .flatMap((answer) => (answer.status === "fulfilled" ? answer.value.topics : []))
      .flatMap(({ partitions }) => partitions)
      .filter(({ errorCode }) => answerType(errorCode) === undefined);
    const partitions = [...leaders.keys()];
    return {
      log,
      partitions,
      starts: new Map(found.map((one) => [one.partitionIndex, one.offset])),
    };
  } catch (error) {
    throw kafkaFailure(error);
  }
}

const EARLIEST = -2n;
const CONSUMER = -1;

type Asked = {
  readonly address: BrokerAddress;
  readonly partitions: { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }[];
};
