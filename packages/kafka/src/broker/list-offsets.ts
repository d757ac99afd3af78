import { TransientError } from "@fiberstream/runtime/errors";
import { listOffsetsV7 } from "@platformatic/kafka";
import { throwIfFailed } from "./broker-answer.ts";
import { type Connections, nameOf } from "./connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { TopicState } from "./topic-state.ts";

/** The protocol's stand-ins for timestamps. */
const TIMESTAMPS = { beginning: -2n, end: -1n } as const;
const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
const TIMEOUT_MS = 3_000;

/**
 * Where partitions begin or end now, asked of each leader once. Those that nobody leads are left out.
 * @throws {TransientError} @throws {FatalError}
 */
export async function listOffsets(
  { connections, state, topic }: { connections: Connections; state: TopicState; topic: string },
  partitions: readonly number[],
  which: keyof typeof TIMESTAMPS,
): Promise<Map<number, bigint>> {
  const led = partitions.flatMap((partition) => {
    const leader = state.leaderOf(partition);
    return leader?.address ? [{ partition, address: leader.address, epoch: leader.epoch }] : [];
  });
  const byLeader = Map.groupBy(led, ({ address }) => nameOf(address));
  const offsets = new Map<number, bigint>();
  const ask = async ([first, ...others]: typeof led) => {
    if (first === undefined) return;
    const answer = await connections.call(
      first.address,
      "questions",
      { api: listOffsetsV7.api, timeoutMs: TIMEOUT_MS },
      CONSUMER,
      READ_UNCOMMITTED,
      [
        {
          name: topic,
          partitions: [first, ...others].map(({ partition, epoch }) => ({
            partitionIndex: partition,
            currentLeaderEpoch: epoch,
            timestamp: TIMESTAMPS[which],
          })),
        },
      ],
    );
    for (const { partitionIndex, errorCode, offset } of answer.topics.flatMap(
      (one) => one.partitions,
    )) {
      throwIfFailed(errorCode, `offsets of ${topic} ${partitionIndex}`);
      offsets.set(partitionIndex, offset);
    }
  };
  try {
    await Promise.all([...byLeader.values()].map(ask));
  } catch (error) {
    state.refreshSoon();
    throw kafkaFailure(error);
  }
  return offsets;
}

/** Where a partition begins: what retention has deleted stands before. @throws {TransientError} */
export async function beginningOf(
  cluster: Parameters<typeof listOffsets>[0],
  partition: number,
): Promise<bigint> {
  const offset = (await listOffsets(cluster, [partition], "beginning")).get(partition);
  if (offset !== undefined) return offset;
  throw new TransientError("kafka", `nobody leads partition ${partition} of ${cluster.topic}`);
}
