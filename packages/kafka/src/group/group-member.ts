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
  /** Undefined while it is not in the group. */
  readonly identity: () => MemberIdentity | undefined;
  /** What is ours, that which is being given up among it. */
  readonly owned: () => readonly number[];
  /** To be told how many partitions the topic has: new ones are assigned. */
  readonly topicHas: (partitions: number) => void;
  /** @throws {TransientError} when the offsets may not be committed */
  readonly commitOffsets: (offsets: ReadonlyMap<number, bigint>) => Promise<void>;
  /** Leaves the group, so that others need not wait for the session's end; a static member stays in it. */
  readonly leave: () => Promise<void>;
};

const HEARTBEAT_INTERVAL_MS = 500;

/**
 * A member of a consumer group (KIP-429, cooperative): it keeps what it has while others come and go, gives up
 * what the leader gives to others, and joins again then. Heartbeats depend on nothing that is done with
 * the records. Coordinators that are unavailable or move cost nothing but time: what is ours stays ours until
 * the group says otherwise.
 *
 * @param options.userData what all members are told of this one
 * @param options.partitionsOf asked by the leader of each topic that its members read: it assigns them
 * @param options.onAssigned told what is ours now, at every assignment
 * @param options.revoke settles when nothing is done any more with these partitions
 * @param options.onLost the group has gone on without us: nothing is ours
 * @param options.onFailing told why it is not in its group, and undefined when it is
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
    // Who dies in the middle of a join is waited for until this is over: no longer than one who dies at work.
    rebalanceTimeoutMs: sessionTimeoutMs,
  });
  let memberId = "";
  let generationId = NONE;
  let owned: readonly number[] = [];
  let isJoining = true;
  /** Heartbeats one after another that have failed. */
  let missed = 0;
  /** How many partitions of our topic we have assigned as the leader; -1: it was done in a life of before. */
  let assignedCount: number | undefined;
  /** And of the topics that others read under the name of our group. */
  let assignedCountsOfOthers: ReadonlyMap<string, number> = new Map();
  let rejoin = Promise.withResolvers<void>();

  const identity = (): MemberIdentity | undefined =>
    generationId === NONE ? undefined : { memberId, generationId, groupInstanceId };

  const lose = (reason: string) => {
    generationId = NONE;
    assignedCount = undefined;
    options.onFailing(`lost its place in the group ${groupId}: ${reason}`);
    if (owned.length > 0) log.warn({ topic, groupId, reason }, "partitions lost, rejoining");
    owned = [];
    options.onLost();
    rejoin.resolve();
  };

  /** @throws what cannot be mended by joining again or looking for the coordinator */
  const learnFrom = (error: unknown) => {
    if (error instanceof MemberIdGivenError) {
      ({ memberId } = error);
      return;
    }
    const type = error instanceof BrokerAnswerError ? error.type : "";
    switch (type) {
      // The group knows the member and has gone on: an answer to its joining was lost.
      case "ILLEGAL_GENERATION":
      case "REBALANCE_IN_PROGRESS":
        return rejoin.resolve();
      case "UNKNOWN_MEMBER_ID":
        memberId = "";
        return lose(type);
      case "FENCED_INSTANCE_ID":
        throw new FatalError(
          `another process is the member ${groupInstanceId} of ${groupId}`,
          "Give each process a KAFKA_GROUP_INSTANCE_ID of its own",
          { cause: error },
        );
      default: {
        const failure = kafkaFailure(error);
        if (failure instanceof FatalError) throw failure;
        // One that is lost is made up for by the next.
        if (missed === 1) return;
        options.onFailing(
          type === "INCONSISTENT_GROUP_PROTOCOL"
            ? `members of another version are in the group ${groupId}: stop them first`
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

  /** Joins again when a topic of others has other partitions than those that were assigned. */
  const lookAtOthers = async () => {
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
      // A static leader that has come back: what it assigned before is not known here.
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
    const kept = new Set(assignment.partitions);
    const revoked = owned.filter((partition) => !kept.has(partition));
    owned = [...assignment.partitions, ...revoked];
    const given = revoked.length > 0 ? options.revoke(revoked) : undefined;
    options.onAssigned(assignment);
    log.info(
      { topic, partitions: assignment.partitions, revoked, generation },
      "partitions assigned",
    );
    if (given === undefined) return;
    // Who is wanted by the group meanwhile joins with what it still has.
    const isGiven = await Promise.race([given.then(() => true), rejoin.promise.then(() => false)]);
    if (!isGiven || generationId !== generation) return;
    owned = assignment.partitions;
    // Now they are free, for those who are to have them.
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
        learnFrom(error);
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
      // An answer to a generation of the past says nothing of this one.
      if (generationId === as.generationId && !isJoining) learnFrom(error);
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
      else void lookAtOthers();
    },
    commitOffsets: async (offsets) => {
      const as = identity();
      const isOurs = as !== undefined && [...offsets.keys()].every((one) => owned.includes(one));
      if (!isOurs) throw new TransientError("kafka", "the partition is another member's now");
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
/** No generation: those of a group begin with 0. */
const NONE = -1;

const asFatal = (error: unknown): FatalError =>
  error instanceof FatalError
    ? error
    : new FatalError(messageOf(error), "Restart the service and report this", { cause: error });
