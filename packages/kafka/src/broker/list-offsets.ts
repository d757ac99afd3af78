import { TransientError } from "@fiberstream/runtime/errors";
import { listOffsetsV7 } from "@platformatic/kafka";
import { throwIfFailed } from "./broker-answer.ts";
import { byLeader } from "./by-leader.ts";
import type { BrokerAddress, Connections } from "./connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { TopicState } from "./topic-state.ts";

/** The protocol's special timestamps. The stable end is before the first record of an open transaction. */
const TIMESTAMPS = { beginning: -2n, end: -1n, "stable end": -1n } as const;
export type Edge = keyof typeof TIMESTAMPS;

const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const TIMEOUT_MS = 3_000;

/**
 * Asks one leader for the first or next offset of its partitions, or for the first record from a time on.
 * @param options.partitions with the leader epoch; -1 if it does not matter
 * @param options.edge a number: ms since 1970; without a record from then on the offset is -1
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function requestOffsets(
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
    edge: Edge | number;
    channel: string;
    timeoutMs?: number;
  },
): Promise<(readonly [partition: number, offset: bigint])[]> {
  const { topics } = await call(
    leader,
    channel,
    { api: listOffsetsV7.api, ...(timeoutMs !== undefined && { timeoutMs }) },
    CONSUMER,
    edge === "stable end" ? READ_COMMITTED : READ_UNCOMMITTED,
    [
      {
        name: topic,
        partitions: partitions.map(({ partition, epoch }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: epoch,
          timestamp: typeof edge === "number" ? BigInt(edge) : TIMESTAMPS[edge],
        })),
      },
    ],
  );
  return topics
    .flatMap((found) => found.partitions)
    .map(({ partitionIndex, errorCode, offset }) => {
      throwIfFailed(errorCode, `offsets of ${topic} ${partitionIndex}`);
      return [partitionIndex, offset] as const;
    });
}

/**
 * Returns the first or next offset of partitions, with one request to each leader. Partitions without a leader are left
 * out.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function listOffsets(
  {
    connections,
    state,
    topic,
  }: {
    connections: Connections;
    state: Pick<TopicState, "leaderOf" | "refreshSoon">;
    topic: string;
  },
  partitions: readonly number[],
  edge: Edge,
): Promise<Map<number, bigint>> {
  const requests = byLeader(partitions, state.leaderOf).map(({ leader, partitions: led }) =>
    requestOffsets(connections.call, leader, {
      topic,
      partitions: led,
      edge,
      channel: "metadata",
      timeoutMs: TIMEOUT_MS,
    }),
  );
  try {
    return new Map((await Promise.all(requests)).flat());
  } catch (error) {
    state.refreshSoon();
    throw kafkaFailure(error);
  }
}

/**
 * Returns a partition's log start offset: records before it were deleted by retention.
 * @throws {TransientError}
 */
export async function beginningOf(
  cluster: Parameters<typeof listOffsets>[0],
  partition: number,
): Promise<bigint> {
  const offset = (await listOffsets(cluster, [partition], "beginning")).get(partition);
  if (offset !== undefined) return offset;
  throw new TransientError("kafka", `partition ${partition} of ${cluster.topic} has no leader`);
}
