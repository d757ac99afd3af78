import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { BrokerAnswerError } from "../broker/broker-answer.ts";
import type { Joined } from "./coordinator-calls.ts";
import { decodeSubscription, encodeAssignment, type Subscription } from "./group-protocol.ts";
import { assignSticky } from "./sticky-assignor.ts";

export type PartitionAssignments = {
  /** By member, as the coordinator hands them on. */
  readonly assignments: ReadonlyMap<string, Buffer>;
  /** How many partitions of each topic were assigned. */
  readonly counts: ReadonlyMap<string, number>;
};

/**
 * The leader's part: members that read the same topic share its partitions, what others read under the same
 * group name is nothing to them.
 *
 * @param options.topic the leader's own
 * @throws what `partitionsOf` throws for it
 */
export async function assignPartitions(options: {
  members: Joined["members"];
  topic: string;
  partitionsOf: (topic: string) => Promise<readonly number[]>;
  log: Log;
}): Promise<PartitionAssignments> {
  const { topic, partitionsOf, log } = options;
  const subscriptions = options.members.map((one) => ({
    memberId: one.memberId,
    ...decodeSubscription(one.subscription),
  }));
  const membersData = subscriptions.map((one) => one.userData);

  /** A topic of others that we may not see, or that is gone, stays with them as it is. */
  const partitionsToShare = async (name: string, members: readonly Subscription[]) => {
    try {
      return await partitionsOf(name);
    } catch (error) {
      if (name === topic || !(error instanceof BrokerAnswerError)) throw error;
      log.warn(
        { topic: name, reason: messageOf(error) },
        "cannot list partitions of topic, its assignment stays",
      );
      return [...new Set(members.flatMap(({ owned }) => owned))];
    }
  };

  const counts = new Map<string, number>();
  const encoded = await Promise.all(
    Array.from(
      Map.groupBy(subscriptions, (one) => one.topic),
      async ([name, members]) => {
        const partitions = await partitionsToShare(name, members);
        counts.set(name, partitions.length);
        return Array.from(assignSticky(partitions, members), ([memberId, some]) => {
          const assignment = { partitions: some, membersData };
          return [memberId, encodeAssignment(name, assignment)] as const;
        });
      },
    ),
  );
  return { assignments: new Map(encoded.flat()), counts };
}
