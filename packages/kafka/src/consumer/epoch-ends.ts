import { TransientError } from "@fiberstream/runtime/errors";
import { offsetForLeaderEpochV4 } from "@platformatic/kafka";
import { throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import { groupQuestions } from "./group-questions.ts";
import type { TopicState } from "../broker/topic-state.ts";

/**
 * Where the part of a partition's log ends that leaders up to one of an epoch have taken, as its leader of now has it;
 * undefined when that leader does not know. Where a partition was read up to behind this, the log was cut back (KIP-320).
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type EpochEndOf = (partition: number, leaderEpoch: number) => Promise<bigint | undefined>;

type Answer = { readonly errorCode: number; readonly endOffset: bigint };

const CONSUMER = -1;
const TIMEOUT_MS = 3_000;

/** Asks each leader once for what is asked of it within a turn of the event loop: none waits for another's answer. */
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
  /** A partition is placed by one loop at a time, so that it has one question at a time. */
  const epochs = new Map<number, number>();

  const ask = async (leader: BrokerAddress, partitions: readonly number[]) => {
    const { topics } = await connections.call(
      leader,
      "questions",
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
      topics.flatMap((one) => one.partitions).map((one) => [one.partition, one] as const),
    );
  };

  const askerOf = (leader: BrokerAddress) => {
    const name = nameOf(leader);
    let asker = askers.get(name);
    if (asker === undefined) {
      asker = groupQuestions((partitions) => ask(leader, partitions));
      askers.set(name, asker);
    }
    return asker;
  };

  return async (partition, leaderEpoch) => {
    const leader = state.leaderOf(partition)?.address;
    if (leader === undefined) {
      throw new TransientError("kafka", `nobody leads partition ${partition} of ${topic}`);
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

/** What a partition was read up to is not in its log any more. */
export const cutBack = (
  where: { topic: string; partition: number; to: bigint; readTo: bigint },
  advice: string,
  options?: { untilMoved: boolean },
): PartitionFaultError =>
  new PartitionFaultError(
    `partition ${where.partition} of ${where.topic} was cut back to offset ${where.to}, and was read up to ${where.readTo}`,
    `A leader without all records was elected: what was read after is gone from Kafka. ${advice}`,
    options,
  );
