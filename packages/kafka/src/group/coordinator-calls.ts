import {
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV8,
  syncGroupV5,
} from "@platformatic/kafka";
import { answerType, BrokerAnswerError, throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { COOPERATIVE_STICKY } from "./group-protocol.ts";

/** A member's identity for its group's coordinator, which rejects requests with an old one. */
export type MemberIdentity = {
  readonly memberId: string;
  readonly generationId: number;
  /** Name of a static member (KIP-345): after a restart within the session it gets its partitions back. */
  readonly groupInstanceId: string | null;
};

export type Joined = {
  readonly memberId: string;
  readonly generationId: number;
  readonly isLeader: boolean;
  /** False for a static leader that is back: the assignment stays. */
  readonly mustAssign: boolean;
  readonly members: readonly { readonly memberId: string; readonly subscription: Buffer }[];
};

/** A member's requests to its group's coordinator, which is looked up again after a failure. */
export type CoordinatorCalls = {
  /** Waits until all members have joined, at most `rebalanceTimeoutMs`. */
  join: (
    as: { readonly memberId: string; readonly groupInstanceId: string | null },
    subscription: Buffer,
  ) => Promise<Joined>;
  /**
   * @param assignments by member, from the leader; empty from the others
   * @returns this member's assignment
   */
  sync: (as: MemberIdentity, assignments: ReadonlyMap<string, Buffer>) => Promise<Buffer>;
  heartbeat: (as: MemberIdentity) => Promise<void>;
  commitOffsets: (
    as: MemberIdentity,
    topic: string,
    offsets: ReadonlyMap<number, bigint>,
  ) => Promise<void>;
  leave: (memberId: string) => Promise<void>;
};

/** Shorter than a session, so that another broker can be tried within it. */
const TIMEOUT_MS = 3_000;
const CHECK_EVERY_MS = 2_000;
const CHANNEL = "group";
/** A join is answered when all have joined: heartbeats must not wait for it. */
const JOIN_CHANNEL = "group join";
/** A commit waits for replicas: heartbeats must not wait for it. */
const COMMIT_CHANNEL = "group commit";

/** All calls throw {BrokerAnswerError} for an error answer, and {Error} when the coordinator is unavailable. */
export function createCoordinatorCalls(options: {
  connections: Pick<Connections, "call" | "coordinator">;
  groupId: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
}): CoordinatorCalls {
  const { connections, groupId, sessionTimeoutMs, rebalanceTimeoutMs } = options;
  let known: BrokerAddress | undefined;

  const withCoordinator = async <Answer>(ask: (coordinator: BrokerAddress) => Promise<Answer>) => {
    const coordinator = (known ??= await connections.coordinator("group", groupId));
    try {
      return await ask(coordinator);
    } catch (error) {
      if (!(error instanceof BrokerAnswerError) || MOVED.has(error.type)) known = undefined;
      throw error;
    }
  };

  /** Returns whether a broker confirms that it still is, or none answers. */
  const isCoordinator = async (broker: BrokerAddress) => {
    const now = await connections.coordinator("group", groupId).catch(() => broker);
    return nameOf(now) === nameOf(broker);
  };

  /**
   * Rejects when another broker is the coordinator: one that was frozen meanwhile answers late, or never. Two brokers have
   * to confirm it, because one may lag.
   */
  const untilMoved = (from: BrokerAddress, ended: AbortSignal) =>
    new Promise<never>((_, reject) => {
      const check = async () => {
        if ((await isCoordinator(from)) || (await isCoordinator(from))) return;
        reject(new Error(`${nameOf(from)} is no longer the coordinator`));
      };
      const timer = setInterval(() => void check(), CHECK_EVERY_MS);
      ended.addEventListener("abort", () => clearInterval(timer), { once: true });
    });

  return {
    join: ({ memberId, groupInstanceId }, subscription) =>
      withCoordinator(async (coordinator) => {
        const ended = new AbortController();
        const joining = connections.call(
          coordinator,
          JOIN_CHANNEL,
          { api: joinGroupV9.api, timeoutMs: rebalanceTimeoutMs + TIMEOUT_MS },
          groupId,
          sessionTimeoutMs,
          rebalanceTimeoutMs,
          memberId,
          groupInstanceId,
          "consumer",
          [{ name: COOPERATIVE_STICKY, metadata: subscription }],
          null,
        );
        // If the coordinator has moved, nobody awaits this promise.
        joining.catch(() => undefined);
        try {
          const answer = await Promise.race([joining, untilMoved(coordinator, ended.signal)]);
          if (answerType(answer.errorCode) === "MEMBER_ID_REQUIRED") {
            throw new MemberIdGivenError(answer.memberId);
          }
          throwIfFailed(answer.errorCode, `join of ${groupId}`);
          const isLeader = answer.leader === answer.memberId;
          return {
            memberId: answer.memberId,
            generationId: answer.generationId,
            isLeader,
            mustAssign: isLeader && !answer.skipAssignment,
            members: answer.members.map((member) => ({
              memberId: member.memberId,
              subscription: member.metadata,
            })),
          };
        } finally {
          ended.abort();
        }
      }),

    sync: (as, assignments) =>
      withCoordinator(async (coordinator) => {
        const answer = await connections.call(
          coordinator,
          JOIN_CHANNEL,
          { api: syncGroupV5.api, timeoutMs: rebalanceTimeoutMs + TIMEOUT_MS },
          groupId,
          as.generationId,
          as.memberId,
          as.groupInstanceId,
          "consumer",
          COOPERATIVE_STICKY,
          Array.from(assignments, ([memberId, assignment]) => ({ memberId, assignment })),
        );
        throwIfFailed(answer.errorCode, `sync of ${groupId}`);
        return answer.assignment;
      }),

    heartbeat: (as) =>
      withCoordinator(async (coordinator) => {
        const answer = await connections.call(
          coordinator,
          CHANNEL,
          { api: heartbeatV4.api, timeoutMs: TIMEOUT_MS },
          groupId,
          as.generationId,
          as.memberId,
          as.groupInstanceId,
        );
        throwIfFailed(answer.errorCode, `heartbeat of ${groupId}`);
      }),

    commitOffsets: (as, topic, offsets) =>
      withCoordinator(async (coordinator) => {
        const partitions = Array.from(offsets, ([partitionIndex, committedOffset]) => ({
          partitionIndex,
          committedOffset,
          committedLeaderEpoch: -1,
          committedMetadata: "",
        }));
        const answer = await connections.call(
          coordinator,
          COMMIT_CHANNEL,
          { api: offsetCommitV8.api, timeoutMs: TIMEOUT_MS },
          groupId,
          as.generationId,
          as.memberId,
          as.groupInstanceId,
          [{ name: topic, partitions }],
        );
        for (const { partitions: answered } of answer.topics) {
          for (const { errorCode, partitionIndex } of answered) {
            throwIfFailed(errorCode, `commit of ${topic} ${partitionIndex}`);
          }
        }
      }),

    leave: (memberId) =>
      withCoordinator(async (coordinator) => {
        const request = { api: leaveGroupV5.api, timeoutMs: TIMEOUT_MS };
        const members = [{ memberId, groupInstanceId: null, reason: "shutdown" }];
        const answer = await connections.call(coordinator, CHANNEL, request, groupId, members);
        throwIfFailed(answer.errorCode, `leaving ${groupId}`);
      }),
  };
}

/** The coordinator assigns a new member's id first (KIP-394); the member then joins with it. */
export class MemberIdGivenError extends Error {
  override readonly name = "MemberIdGivenError";
  readonly memberId: string;

  constructor(memberId: string) {
    super("the coordinator has assigned a member id");
    this.memberId = memberId;
  }
}

const MOVED = new Set([
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
]);
