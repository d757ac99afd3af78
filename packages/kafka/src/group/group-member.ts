import { setTimeout as delay } from "node:timers/promises";
import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { BrokerAnswerError } from "../broker/broker-answer.ts";
import { type Connections, pauseBeforeTry } from "../broker/connections.ts";
import { untilAborted } from "@fiberstream/runtime/until-aborted";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import {
  createCoordinatorCalls,
  type Joined,
  type MemberIdentity,
  MemberIdGivenError,
} from "./coordinator-calls.ts";
import { type Assignment, decodeAssignment, encodeSubscription } from "./group-protocol.ts";
import { assignPartitions } from "./assign-partitions.ts";

export type { MemberIdentity } from "./coordinator-calls.ts";

export type GroupMember = {
  /** Undefined while it is not a member. */
  readonly identity: () => MemberIdentity | undefined;
  /** Its partitions, including those that it is giving up. */
  readonly owned: () => readonly number[];
  /** To be called with the topic's number of partitions, so that new ones are assigned. */
  readonly topicHas: (partitions: number) => void;
  /** @throws {TransientError} when the offsets may not be committed */
  readonly commitOffsets: (offsets: ReadonlyMap<number, bigint>) => Promise<void>;
  /** Leaves the group, so that others need not wait for the session timeout. A static member does not leave. */
  readonly leave: () => Promise<void>;
};

const HEARTBEAT_INTERVAL_MS = 500;

/**
 * Joins a consumer group with cooperative rebalancing (KIP-429): a member keeps its partitions while others join and
 * leave, gives up those that the leader assigns to others, and then joins again. Heartbeats do not depend on the
 * processing of records. While the coordinator is unavailable or moves, the member keeps its partitions.
 *
 * @param options.userData sent to all members
 * @param options.partitionsOf called by the leader for each topic that members read, to assign its partitions
 * @param options.onAssigned called with this member's partitions at every assignment
 * @param options.revoke settles when these partitions are no longer being processed
 * @param options.onLost called when the group has removed this member: it owns nothing
 * @param options.onFailing called with the reason why it is not a member, or undefined if it is
 */
export function joinGroup(options: {
  connections: Connections;
  groupId: string;
  topic: string;
  sessionTimeoutMs: number;
  groupInstanceId: string | undefined;
  userData: string;
  partitionsOf: (topic: string) => Promise<readonly number[]>;
  onAssigned: (assignment: Assignment) => void;
  revoke: (partitions: readonly number[]) => Promise<void>;
  onLost: () => void;
  onFailing: (reason: string | undefined) => void;
  onHalt: (error: FatalError) => void;
  alive: () => void;
  stopping: AbortSignal;
  log: Log;
}): GroupMember {
  const { groupId, topic, userData, sessionTimeoutMs, stopping, alive, log } = options;
  const groupInstanceId = options.groupInstanceId ?? null;
  const coordinator = createCoordinatorCalls({
    connections: options.connections,
    groupId,
    sessionTimeoutMs,
    // The group waits so long for a member that dies during a join: no longer than for one that dies otherwise.
    rebalanceTimeoutMs: sessionTimeoutMs,
  });
  let memberId = "";
  let generationId = NONE;
  let owned: readonly number[] = [];
  let isJoining = true;
  /** Consecutive heartbeats that have failed. */
  let missed = 0;
  /** How many partitions of its topic this leader has assigned; -1: it did so before a restart. */
  let assignedCount: number | undefined;
  /** The same for topics that other members of the group read. */
  let assignedCountsOfOthers: ReadonlyMap<string, number> = new Map();
  let rejoin = Promise.withResolvers<void>();

  const identity = (): MemberIdentity | undefined =>
    generationId === NONE ? undefined : { memberId, generationId, groupInstanceId };

  const lose = (reason: string) => {
    generationId = NONE;
    assignedCount = undefined;
    options.onFailing(`no longer a member of the group ${groupId}: ${reason}`);
    if (owned.length > 0) log.warn({ topic, groupId, reason }, "partitions lost, rejoining");
    owned = [];
    options.onLost();
    rejoin.resolve();
  };

  /** @throws if joining again and looking up the coordinator do not help */
  const handleFailure = (error: unknown) => {
    if (error instanceof MemberIdGivenError) {
      ({ memberId } = error);
      return;
    }
    const type = error instanceof BrokerAnswerError ? error.type : "";
    switch (type) {
      // The group has a newer generation with this member: an answer to its join was lost.
      case "ILLEGAL_GENERATION":
      case "REBALANCE_IN_PROGRESS":
        return rejoin.resolve();
      case "UNKNOWN_MEMBER_ID":
        memberId = "";
        return lose(type);
      case "FENCED_INSTANCE_ID":
        throw new FatalError(
          `another process has the group instance id ${groupInstanceId} in ${groupId}`,
          "Set another KAFKA_GROUP_INSTANCE_ID for each process",
          { cause: error },
        );
      default: {
        const failure = kafkaFailure(error);
        if (failure instanceof FatalError) throw failure;
        // A single lost heartbeat does not matter.
        if (missed === 1) return;
        options.onFailing(
          type === "INCONSISTENT_GROUP_PROTOCOL"
            ? `the group ${groupId} has members with another protocol: stop them first`
            : failure.message,
        );
      }
    }
  };

  const assignAmong = async (members: Joined["members"]): Promise<ReadonlyMap<string, Buffer>> => {
    const { partitionsOf } = options;
    const { assignments, counts } = await assignPartitions({ members, topic, partitionsOf, log });
    assignedCount = counts.get(topic);
    assignedCountsOfOthers = new Map([...counts].filter(([name]) => name !== topic));
    return assignments;
  };

  /** Joins again if another topic's number of partitions has changed since they were assigned. */
  const checkOtherTopics = async () => {
    const shared = assignedCountsOfOthers;
    for (const [name, count] of shared) {
      const found = await options.partitionsOf(name).catch(() => undefined);
      const isStill =
        assignedCount !== undefined && shared === assignedCountsOfOthers && !isJoining;
      if (isStill && found !== undefined && found.length !== count) return rejoin.resolve();
    }
  };

  const joinOnce = async (): Promise<Assignment> => {
    isJoining = true;
    try {
      const subscription = encodeSubscription({ topic, owned, generationId, userData });
      const joined = await coordinator.join({ memberId, groupInstanceId }, subscription);
      ({ memberId, generationId } = joined);
      if (!joined.isLeader) assignedCount = undefined;
      // A static leader after a restart: what it assigned before is not known.
      else if (!joined.mustAssign) assignedCount = -1;
      const assignments = joined.mustAssign ? await assignAmong(joined.members) : NO_ASSIGNMENTS;
      const as = { memberId, generationId, groupInstanceId };
      return decodeAssignment(topic, await coordinator.sync(as, assignments));
    } finally {
      isJoining = false;
    }
  };

  const adopt = async (assignment: Assignment) => {
    const generation = generationId;
    const assigned = new Set(assignment.partitions);
    const revoked = owned.filter((partition) => !assigned.has(partition));
    owned = [...assignment.partitions, ...revoked];
    const givenUp = revoked.length > 0 ? options.revoke(revoked) : undefined;
    options.onAssigned(assignment);
    log.info(
      { topic, partitions: assignment.partitions, revoked, generation },
      "partitions assigned",
    );
    if (givenUp === undefined) return;
    // If the group rebalances meanwhile, the member joins with what it still owns.
    const isGivenUp = await Promise.race([
      givenUp.then(() => true),
      rejoin.promise.then(() => false),
    ]);
    if (!isGivenUp || generationId !== generation) return;
    owned = assignment.partitions;
    // The revoked partitions are free now, and the leader can assign them.
    rejoin.resolve();
  };

  const stayInGroup = async () => {
    for (let tries = 1; !stopping.aborted; tries++) {
      alive();
      rejoin = Promise.withResolvers<void>();
      try {
        const assignment = await joinOnce();
        tries = 0;
        options.onFailing(undefined);
        await adopt(assignment);
        await untilAborted(rejoin.promise, stopping);
      } catch (error) {
        if (stopping.aborted) return;
        log.debug({ topic, groupId, tries, reason: messageOf(error) }, "join failed, retrying");
        handleFailure(error);
        if (!(error instanceof MemberIdGivenError)) await pauseBeforeTry(tries, stopping);
      }
    }
  };

  const beatOnce = async () => {
    const as = identity();
    if (isJoining || as === undefined) return;
    try {
      await coordinator.heartbeat(as);
      missed = 0;
      if (generationId === as.generationId) options.onFailing(undefined);
    } catch (error) {
      missed++;
      // An answer for an old generation does not concern the present one.
      if (generationId === as.generationId && !isJoining) handleFailure(error);
    }
  };

  const beat = async () => {
    while (!stopping.aborted) {
      await delay(HEARTBEAT_INTERVAL_MS, undefined, { signal: stopping }).catch(() => undefined);
      if (stopping.aborted) return;
      alive();
      await beatOnce();
    }
  };

  const halt = (error: unknown) => {
    if (!stopping.aborted) options.onHalt(asFatal(error));
  };
  void stayInGroup().catch(halt);
  void beat().catch(halt);

  return {
    identity,
    owned: () => owned,
    topicHas: (partitions) => {
      if (assignedCount === undefined || isJoining) return;
      if (assignedCount !== partitions) rejoin.resolve();
      else void checkOtherTopics();
    },
    commitOffsets: async (offsets) => {
      const as = identity();
      const isOurs =
        as !== undefined && [...offsets.keys()].every((partition) => owned.includes(partition));
      if (!isOurs) throw new TransientError("kafka", "another member owns the partition now");
      try {
        await coordinator.commitOffsets(as, topic, offsets);
      } catch (error) {
        throw kafkaFailure(error);
      }
    },
    leave: async () => {
      const id = memberId;
      generationId = NONE;
      if (id === "" || groupInstanceId !== null) return;
      await coordinator.leave(id).catch((error: unknown) => {
        log.debug(
          { groupId, reason: messageOf(error) },
          "leaving the group failed, its session will expire",
        );
      });
    },
  };
}

const NO_ASSIGNMENTS: ReadonlyMap<string, Buffer> = new Map();
/** No generation: those of a group start at 0. */
const NONE = -1;

const asFatal = (error: unknown): FatalError =>
  error instanceof FatalError
    ? error
    : new FatalError(messageOf(error), "Restart the service and report this", { cause: error });
