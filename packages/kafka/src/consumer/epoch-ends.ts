import { TransientError } from "@fiberstream/runtime/errors";
import { offsetForLeaderEpochV4 } from "@platformatic/kafka";
import { throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import { batchedByTurn } from "./batched-by-turn.ts";
import type { TopicState } from "../broker/topic-state.ts";

/**
 * Returns the end offset of a leader epoch in a partition's log, as its present leader has it; undefined if that leader
 * does not know it. If a partition was read past this offset, its log was truncated (KIP-320).
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type EpochEndOf = (partition: number, leaderEpoch: number) => Promise<bigint | undefined>;

type Answer = { readonly errorCode: number; readonly endOffset: bigint };

const CONSUMER = -1;
const TIMEOUT_MS = 3_000;

/** Sends each leader one request for all calls within a turn of the event loop. No leader delays another one's answer. */
export function createEpochEnds({
  connections,
  state,
  topic,
}: {
  connections: Pick<Connections, "call">;
  state: Pick<TopicState, "leaderOf" | "refreshSoon">;
  topic: string;
}): EpochEndOf {
  const askers = new Map<string, (partition: number) => Promise<Answer | undefined>>();
  /** A partition has one loop, so it has one call at a time. */
  const epochs = new Map<number, number>();

  const ask = async (leader: BrokerAddress, partitions: readonly number[]) => {
    const { topics } = await connections.call(
      leader,
      "metadata",
      { api: offsetForLeaderEpochV4.api, timeoutMs: TIMEOUT_MS },
      CONSUMER,
      [
        {
          name: topic,
          partitions: partitions.map((partition) => ({
            partitionIndex: partition,
            currentLeaderEpoch: state.leaderOf(partition)?.epoch ?? -1,
            leaderEpoch: epochs.get(partition) ?? -1,
          })),
        },
      ],
    );
    return new Map(
      topics
        .flatMap((found) => found.partitions)
        .map((answer) => [answer.partition, answer] as const),
    );
  };

  const askerOf = (leader: BrokerAddress) => {
    const name = nameOf(leader);
    let asker = askers.get(name);
    if (asker === undefined) {
      asker = batchedByTurn((partitions) => ask(leader, partitions));
      askers.set(name, asker);
    }
    return asker;
  };

  return async (partition, leaderEpoch) => {
    const leader = state.leaderOf(partition)?.address;
    if (leader === undefined) {
      throw new TransientError("kafka", `partition ${partition} of ${topic} has no leader`);
    }
    epochs.set(partition, leaderEpoch);
    try {
      const answer = await askerOf(leader)(partition);
      if (answer === undefined) return undefined;
      throwIfFailed(answer.errorCode, `end of epoch ${leaderEpoch} in ${topic} ${partition}`);
      return answer.endOffset < 0n ? undefined : answer.endOffset;
    } catch (error) {
      state.refreshSoon();
      throw kafkaFailure(error);
    }
  };
}

/** Returns the fault of a partition that was read up to an offset that its log no longer has. */
export const logTruncated = (
  where: { topic: string; partition: number; to: bigint; readTo: bigint },
  advice: string,
  options?: { untilMoved: boolean },
): PartitionFaultError =>
  new PartitionFaultError(
    `partition ${where.partition} of ${where.topic} was truncated to offset ${where.to}, but was read up to ${where.readTo}`,
    `A leader without all records was elected: Kafka has lost the records after that offset. ${advice}`,
    options,
  );
