import { TransientError } from "@fiberstream/runtime/errors";
import { offsetForLeaderEpochV4 } from "@platformatic/kafka";
import { throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import { batchedByTurn } from "./batched-by-turn.ts";
import type { TopicState } from "../broker/topic-state.ts";

/** Where a leader epoch ends in the log of a partition's present leader. */
export type EpochEnd = { readonly epoch: number; readonly offset: bigint };

/**
 * Returns the end of a leader epoch in the log of the partition's present leader. If the leader has no records of that
 * epoch, it answers with the end of the epoch before it; undefined if all its epochs are older (KIP-320).
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type EpochEndOf = (partition: number, leaderEpoch: number) => Promise<EpochEnd | undefined>;

type Answer = {
  readonly errorCode: number;
  readonly leaderEpoch: number;
  readonly endOffset: bigint;
};

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
      if (answer === undefined) {
        throw new TransientError("kafka", `no answer for partition ${partition} of ${topic}`);
      }
      throwIfFailed(answer.errorCode, `end of epoch ${leaderEpoch} in ${topic} ${partition}`);
      const { leaderEpoch: epoch, endOffset: offset } = answer;
      return epoch < 0 || offset < 0n ? undefined : { epoch, offset };
    } catch (error) {
      state.refreshSoon();
      throw kafkaFailure(error);
    }
  };
}

/**
 * Returns whether a log contains what was read up to offset `readTo` in epoch `leaderEpoch`. The end of an older epoch is
 * no proof, even above `readTo`: the leader has records of its own where that epoch was read.
 */
export const isSameLog = (
  end: EpochEnd | undefined,
  { leaderEpoch, readTo }: { leaderEpoch: number; readTo: bigint },
): boolean => end !== undefined && end.epoch >= leaderEpoch && end.offset >= readTo;

/** Returns the fault of a partition whose log no longer contains what was read; `end` is the leader's answer. */
export function logDiffers(
  at: { topic: string; partition: number; leaderEpoch: number; readTo: bigint },
  end: EpochEnd | undefined,
  advice: string,
  options?: { untilMoved: boolean },
): PartitionFaultError {
  const { leaderEpoch, readTo } = at;
  const partition = `partition ${at.partition} of ${at.topic}`;
  const why = "A leader without all records was elected: Kafka has lost the records";
  if (end === undefined || end.epoch < leaderEpoch) {
    const last = end === undefined ? "" : ` (its epoch ${end.epoch} ends at offset ${end.offset})`;
    return new PartitionFaultError(
      `${partition} was read up to ${readTo} in leader epoch ${leaderEpoch}, which its log lacks${last}`,
      `${why} of that epoch. ${advice}`,
      options,
    );
  }
  return new PartitionFaultError(
    `${partition} was truncated to offset ${end.offset}, but was read up to ${readTo}`,
    `${why} after that offset. ${advice}`,
    options,
  );
}
