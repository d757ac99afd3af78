import { TransientError } from "@fiberstream/runtime/errors";
import { listOffsetsV7 } from "@platformatic/kafka";
import { throwIfFailed } from "./broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "./connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { TopicState } from "./topic-state.ts";

/** The protocol's stand-ins for timestamps. */
const TIMESTAMPS = { beginning: -2n, end: -1n } as const;
export type Edge = keyof typeof TIMESTAMPS;

const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
const TIMEOUT_MS = 3_000;

/**
 * Asks one leader where its partitions begin or end: by partition.
 * @param partitions with the leader's epoch; -1 where it does not matter
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function askForOffsets(
  call: Connections["call"],
  leader: BrokerAddress,
  {
    topic,
    partitions,
    edge,
    channel,
    timeoutMs,
  }: {
    topic: string;
    partitions: readonly { readonly partition: number; readonly epoch: number }[];
    edge: Edge;
    channel: string;
    timeoutMs?: number;
  },
): Promise<(readonly [partition: number, offset: bigint])[]> {
  const { topics } = await call(
    leader,
    channel,
    { api: listOffsetsV7.api, ...(timeoutMs !== undefined && { timeoutMs }) },
    CONSUMER,
    READ_UNCOMMITTED,
    [
      {
        name: topic,
        partitions: partitions.map(({ partition, epoch }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: epoch,
          timestamp: TIMESTAMPS[edge],
        })),
      },
    ],
  );
  return topics
    .flatMap((one) => one.partitions)
    .map(({ partitionIndex, errorCode, offset }) => {
      throwIfFailed(errorCode, `offsets of ${topic} ${partitionIndex}`);
      return [partitionIndex, offset] as const;
    });
}

/**
 * Where partitions begin or end now, asked of each leader once. Those that nobody leads are left out.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function listOffsets(
  { connections, state, topic }: { connections: Connections; state: TopicState; topic: string },
  partitions: readonly number[],
  edge: Edge,
): Promise<Map<number, bigint>> {
  const led = partitions.flatMap((partition) => {
    const leader = state.leaderOf(partition);
    return leader?.address ? [{ partition, address: leader.address, epoch: leader.epoch }] : [];
  });
  const byLeader = Map.groupBy(led, ({ address }) => nameOf(address));
  const asked = [...byLeader.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) return [];
    const question = { topic, partitions: some, edge, channel: "questions", timeoutMs: TIMEOUT_MS };
    return [askForOffsets(connections.call, first.address, question)];
  });
  try {
    return new Map((await Promise.all(asked)).flat());
  } catch (error) {
    state.refreshSoon();
    throw kafkaFailure(error);
  }
}

/**
 * Where a partition begins: what retention has deleted stands before.
 * @throws {TransientError}
 */
export async function beginningOf(
  cluster: Parameters<typeof listOffsets>[0],
  partition: number,
): Promise<bigint> {
  const offset = (await listOffsets(cluster, [partition], "beginning")).get(partition);
  if (offset !== undefined) return offset;
  throw new TransientError("kafka", `nobody leads partition ${partition} of ${cluster.topic}`);
}
