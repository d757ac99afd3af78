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

/** Who a member is to its group's coordinator: what it says may be refused when it is of the past. */
export type MemberIdentity = {
  readonly memberId: string;
  readonly generationId: number;
  /** Names a static member (KIP-345): one that comes back within the session gets its partitions back. */
  readonly groupInstanceId: string | null;
};

export type Joined = {
  readonly memberId: string;
  readonly generationId: number;
  readonly isLeader: boolean;
  /** False: the leader of before has come back, and what is assigned stays. */
  readonly mustAssign: boolean;
  readonly members: readonly { readonly memberId: string; readonly subscription: Buffer }[];
};

/** A member's requests to the coordinator of its group, which is looked for again when it fails. */
export type CoordinatorCalls = {
  /** Waits for all members to join, `rebalanceTimeoutMs` at most. */
  join: (
    as: { readonly memberId: string; readonly groupInstanceId: string | null },
    subscription: Buffer,
  ) => Promise<Joined>;
  /**
   * @param assignments by member, of the leader; empty of the others
   * @returns what is ours
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

/** Shorter than a session, so that another broker can be asked within it. */
const TIMEOUT_MS = 3_000;
const LOOK_EVERY_MS = 2_000;
const CHANNEL = "group";
/** A join is answered when all have joined: heartbeats must not wait behind it. */
const JOIN_CHANNEL = "group join";
/** A commit waits for its replicas: heartbeats must not wait behind it either. */
const COMMIT_CHANNEL = "group commit";

/** All calls throw {BrokerAnswerError} what the coordinator answers, {Error} when it is unavailable. */
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

  /** Whether some broker says that it still is; also when none says anything. */
  const isCoordinator = async (broker: BrokerAddress) => {
    const now = await connections.coordinator("group", groupId).catch(() => broker);
    return nameOf(now) === nameOf(broker);
  };

  /**
   * Rejects when another broker is the coordinator now: who was frozen meanwhile answers late, or never. Two have to
   * say so, because one of them may lag.
   */
  const untilMoved = (from: BrokerAddress, ended: AbortSignal) =>
    new Promise<never>((_, reject) => {
      const look = async () => {
        if ((await isCoordinator(from)) || (await isCoordinator(from))) return;
        reject(new Error(`${nameOf(from)} coordinates no more`));
      };
      const timer = setInterval(() => void look(), LOOK_EVERY_MS);
      ended.addEventListener("abort", () => clearInterval(timer), { once: true });
    });

  return {
    join: ({ memberId, groupInstanceId }, subscription) =>
      withCoordinator(async (coordinator) => {
        const ended = new AbortController();
        const asked = connections.call(
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
        // Nobody waits for it any more when the coordinator has moved.
        asked.catch(() => undefined);
        try {
          const answer = await Promise.race([asked, untilMoved(coordinator, ended.signal)]);
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
            members: answer.members.map((one) => ({
              memberId: one.memberId,
              subscription: one.metadata,
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
        const members = [{ memberId, groupInstanceId: null, reason: "it stops" }];
        const answer = await connections.call(coordinator, CHANNEL, request, groupId, members);
        throwIfFailed(answer.errorCode, `leaving ${groupId}`);
      }),
  };
}

/** A new member is given its id first (KIP-394), and joins with it. */
export class MemberIdGivenError extends Error {
  override readonly name = "MemberIdGivenError";
  readonly memberId: string;

  constructor(memberId: string) {
    super("the coordinator has given an id");
    this.memberId = memberId;
  }
}

const MOVED = new Set([
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
]);
