import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { BrokerAnswerError } from "../broker/broker-answer.ts";
import type { Joined } from "./coordinator-calls.ts";
import { decodeSubscription, encodeAssignment, type Subscription } from "./group-protocol.ts";
import { assignSticky } from "./sticky-assignor.ts";

export type PartitionAssignments = {
  /** By member, encoded for the coordinator. */
  readonly assignments: ReadonlyMap<string, Buffer>;
  /** How many partitions of each topic were assigned. */
  readonly counts: ReadonlyMap<string, number>;
};

/**
 * Assigns partitions, as the group's leader. Members that read the same topic share its partitions; members of the group
 * with another topic share those of that topic.
 *
 * @param options.topic the leader's own topic
 * @throws what `partitionsOf` throws for it
 */
export async function assignPartitions(options: {
  members: Joined["members"];
  topic: string;
  partitionsOf: (topic: string) => Promise<readonly number[]>;
  log: Log;
}): Promise<PartitionAssignments> {
  const { topic, partitionsOf, log } = options;
  const subscriptions = options.members.map((member) => ({
    memberId: member.memberId,
    ...decodeSubscription(member.subscription),
  }));
  const membersData = subscriptions.map((member) => member.userData);

  /** If another topic may not be described, or is deleted, its members keep their partitions. */
  const partitionsToShare = async (name: string, members: readonly Subscription[]) => {
    try {
      return await partitionsOf(name);
    } catch (error) {
      if (name === topic || !(error instanceof BrokerAnswerError)) throw error;
      log.warn(
        { topic: name, reason: messageOf(error) },
        "cannot list partitions of topic, keeping its assignment",
      );
      return [...new Set(members.flatMap(({ owned }) => owned))];
    }
  };

  const counts = new Map<string, number>();
  const encoded = await Promise.all(
    Array.from(
      Map.groupBy(subscriptions, (member) => member.topic),
      async ([name, members]) => {
        const partitions = await partitionsToShare(name, members);
        counts.set(name, partitions.length);
        return Array.from(assignSticky(partitions, members), ([memberId, assigned]) => {
          const assignment = { partitions: assigned, membersData };
          return [memberId, encodeAssignment(name, assignment)] as const;
        });
      },
    ),
  );
  return { assignments: new Map(encoded.flat()), counts };
}
