import { offsetFetchV8 } from "@platformatic/kafka";
import { answerType } from "../../broker/broker-answer.ts";
import type { Coordinators } from "./coordinators.ts";

/** A partition's committed offset by the group's coordinator. `offset` is undefined if there is none. */
type CommittedOffset = {
  readonly offset: bigint | undefined;
  /** Of the last record before `offset`; -1 if the commit did not have it. */
  readonly leaderEpoch: number;
  readonly metadata: string;
};

/** "unstable": a transaction that moves the offset is open. */
export type OffsetAnswer = CommittedOffset | "unstable" | "unknown";

/**
 * Reads the committed offsets of some partitions in one request.
 * @param options.stable "required": an offset that an open transaction moves is "unstable"; "any": it is the previous
 *   offset
 * @returns an answer for each of the partitions. A partition that is missing in the coordinator's answer, or has an error,
 *   is "unknown", which does not mean that nobody has committed
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function committedOffsets(options: {
  coordinators: Coordinators;
  groupId: string;
  topic: string;
  partitions: readonly number[];
  stable: "required" | "any";
}): Promise<ReadonlyMap<number, OffsetAnswer>> {
  const { coordinators, groupId, topic, partitions, stable } = options;
  const topics = [{ name: topic, partitionIndexes: [...partitions] }];
  const answer = await coordinators.ask(
    { kind: "group", key: groupId, channel: "positions", trustForMs: TRUST_COORDINATOR_MS },
    offsetFetchV8.api,
    ({ groups }) => groups.map(({ errorCode }) => errorCode),
    [{ groupId, memberEpoch: NO_EPOCH, topics }],
    stable === "required",
  );
  const found = new Map<number, OffsetAnswer>(
    partitions.map((partition) => [partition, "unknown"]),
  );
  for (const group of answer.groups) {
    if (group.groupId !== groupId) continue;
    for (const ofTopic of group.topics.filter(({ name }) => name === topic)) {
      for (const { partitionIndex, errorCode, ...committed } of ofTopic.partitions) {
        const type = answerType(errorCode);
        if (type === "UNSTABLE_OFFSET_COMMIT") found.set(partitionIndex, "unstable");
        if (type !== undefined) continue;
        const { committedOffset, committedLeaderEpoch: leaderEpoch, metadata } = committed;
        const offset = committedOffset < 0n ? undefined : committedOffset;
        found.set(partitionIndex, { offset, leaderEpoch, metadata: metadata ?? "" });
      }
    }
  }
  return found;
}

const NO_EPOCH = -1;
/**
 * A new owner has no commit of its own to compare the answer with, and the coordinator that it knows may have been frozen and
 * replaced. Shorter than the broker's session with the controller (9 s), within which nobody replaces it.
 */
const TRUST_COORDINATOR_MS = 2_000;
