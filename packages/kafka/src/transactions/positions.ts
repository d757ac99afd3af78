import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "@fiberstream/runtime/log";
import type { MemberIdentity } from "../group/group-member.ts";
import { isAnotherLog } from "../log-identity.ts";
import { epochOffset, type Position, PartitionFaultError } from "../errors/partition-fault.ts";
import type { LogIdentity } from "../records.ts";
import { committedOffsets, type OffsetAnswer } from "./coordinator/committed-offsets.ts";
import type { Coordinators } from "./coordinator/coordinators.ts";
import type { Fences } from "./coordinator/fences.ts";
import { readOffsetMetadata } from "./coordinator/offset-metadata.ts";

/** Where a partition resumes, as far as this process knows. */
export type KnownPosition = {
  /** Undefined while a transaction's outcome is unknown. */
  readonly position: bigint | "beginning" | undefined;
  /** This process's member id when it asked for the position; undefined when it was not a member. */
  readonly memberId: string | undefined;
  /** The caller's text that was committed with it. */
  readonly text: string;
  /** The last commit of this process itself since it owns the partition. */
  readonly committedHere: { readonly offset: bigint; readonly log: LogIdentity } | undefined;
};

export type PositionSteps = {
  coordinators: Coordinators;
  fences: Fences;
  groupId: string;
  topic: string;
  processId: string;
  member: (partition: number) => MemberIdentity | undefined;
  liveProcesses: () => ReadonlySet<string>;
  knownPositions: Map<number, KnownPosition>;
  /** Settles when no transaction of this process that may have moved the partition is open. */
  settled: (partition: number) => Promise<void>;
  log: Log;
  /** For tests. */
  nowMs?: () => number;
};

/**
 * A slow coordinator must not delay the positions that do not need it, and partitions are asked for together. Its own are
 * asked for again soon.
 */
const SETTLED_WITHIN_MS = 200;
/** For the coordinators of a dead process's transactions. */
const MAX_WAIT_MS = 1_000;
/** A live process ends its open transaction within milliseconds; after this time it is fenced as well. */
const UNSTABLE_FOR_MS = 500;
/**
 * How long to wait for a dead process's transactions to end. The generation prevents them from committing in any case;
 * readers of later records wait, at most until the transaction times out.
 */
const FENCED_WITHIN_MS = 2_000;
/** How long a coordinator may answer without commits that its predecessor accepted. */
const BEHIND_FOR_MS = 60_000;

/**
 * Finds where partitions resume. Their previous owners are fenced first: by the group's generation, which the broker
 * checks, and by ending the open transactions of dead processes, so that these do not block readers for long.
 */
export function createPositions(steps: PositionSteps) {
  const {
    fences,
    processId,
    knownPositions,
    liveProcesses,
    log,
    nowMs = () => performance.now(),
  } = steps;
  const unstableSinceMs = new Map<number, number>();
  const fencingSinceMs = new Map<string, number>();
  const behindSinceMs = new Map<number, number>();

  /**
   * Fences the last owners that are dead, or whose transaction has been open too long.
   * @returns the partitions to wait for, because the fencing of their last owner has just begun. Past FENCED_WITHIN_MS
   *   fencing continues, but nothing waits for it: offsets behind an open transaction are reported as unstable anyway
   */
  const fenceDead = async (known: ReadonlyMap<number, OffsetAnswer>): Promise<Set<number>> => {
    const live = liveProcesses();
    for (const id of live) {
      fences.forget(id);
      fencingSinceMs.delete(id);
    }
    const toFence = [...known].flatMap(([partition, answer]) => {
      if (typeof answer !== "object") return [];
      const { committer } = readOffsetMetadata(answer.metadata);
      if (committer === undefined || committer.processId === processId) return [];
      if (live.has(committer.processId) && !isStuck(partition)) return [];
      return [{ partition, committer }];
    });
    const waiting = new Set<number>();
    const byProcess = Map.groupBy(toFence, ({ committer }) => committer.processId);
    const fenced = Array.from(byProcess, async ([dead, owned]) => {
      const idNumbers = [...new Set(owned.flatMap(({ committer }) => committer.idNumbers))];
      const sinceMs = fencingSinceMs.get(dead) ?? nowMs();
      fencingSinceMs.set(dead, sinceMs);
      if (await settlesWithin(MAX_WAIT_MS, fences.fence({ processId: dead, idNumbers }))) {
        fencingSinceMs.delete(dead);
      } else if (nowMs() - sinceMs < FENCED_WITHIN_MS) {
        for (const { partition } of owned) waiting.add(partition);
      }
    });
    await Promise.all(fenced);
    return waiting;
  };

  const isStuck = (partition: number): boolean => {
    const sinceMs = unstableSinceMs.get(partition);
    const isLong = sinceMs !== undefined && nowMs() - sinceMs > UNSTABLE_FOR_MS;
    if (isLong) unstableSinceMs.delete(partition);
    return isLong;
  };

  const positionFrom = (
    partition: number,
    answer: OffsetAnswer,
    { found, memberId }: { found: LogIdentity; memberId: string | undefined },
  ): Position | undefined => {
    if (answer === "unstable" && !unstableSinceMs.has(partition)) {
      unstableSinceMs.set(partition, nowMs());
    }
    if (answer === "unstable" || answer === "unknown") return undefined;
    unstableSinceMs.delete(partition);
    const { offset, leaderEpoch, metadata } = answer;
    const stored = readOffsetMetadata(metadata);
    if (stored.log !== undefined && isAnotherLog(stored.log, found)) {
      return otherLog(stored.log, found);
    }
    const committedHere = knownPositions.get(partition)?.committedHere;
    const isBehindOwnCommit =
      committedHere !== undefined &&
      !isAnotherLog(committedHere.log, found) &&
      (offset ?? -1n) < committedHere.offset;
    if (isBehindOwnCommit) return behindOwnCommit(partition, offset, committedHere.offset);
    behindSinceMs.delete(partition);
    const position = offset ?? "beginning";
    knownPositions.set(partition, { position, memberId, text: stored.text, committedHere });
    return offset === undefined ? "beginning" : epochOffset(offset, leaderEpoch);
  };

  /** A coordinator that resumes after a freeze may not know yet which commits its successor accepted. */
  const behindOwnCommit = (partition: number, offset: bigint | undefined, here: bigint) => {
    const reason = `the group's offset is ${offset ?? "none"}, behind ${here}, which this process has committed`;
    const sinceMs = behindSinceMs.get(partition);
    if (sinceMs === undefined) {
      behindSinceMs.set(partition, nowMs());
      log.warn(
        { partition, reason },
        "committed offset ignored, it is behind what this process committed",
      );
    }
    if (nowMs() - (sinceMs ?? nowMs()) < BEHIND_FOR_MS) return undefined;
    return new PartitionFaultError(
      reason,
      "Restart this process if the offset was reset on purpose; otherwise check whether the brokers have lost commits",
    );
  };

  return {
    /**
     * @returns the known positions, without partitions that have an open transaction, an error or no answer: unknown
     *   must not be mistaken for "nothing committed"
     * @throws {BrokerAnswerError}
     * @throws {Error} no coordinator answered
     */
    of: async (
      partitions: readonly number[],
      found: LogIdentity,
    ): Promise<ReadonlyMap<number, Position>> => {
      const memberIds = new Map(
        partitions.map((partition) => [partition, steps.member(partition)?.memberId]),
      );
      const ready = await readyOf(partitions, steps.settled);
      if (ready.length === 0) return new Map();
      const before = await committedOffsets({ ...steps, partitions: ready, stable: "any" });
      const waiting = await fenceDead(before);
      const fenced = ready.filter((partition) => !waiting.has(partition));
      if (fenced.length === 0) return new Map();
      const answers = await committedOffsets({ ...steps, partitions: fenced, stable: "required" });
      const positions = new Map<number, Position>();
      for (const [partition, answer] of answers) {
        const position = positionFrom(partition, answer, {
          found,
          memberId: memberIds.get(partition),
        });
        if (position !== undefined) positions.set(partition, position);
      }
      return positions;
    },
  };
}

async function readyOf(
  partitions: readonly number[],
  settled: (partition: number) => Promise<void>,
): Promise<number[]> {
  const isReady = await Promise.all(
    partitions.map((partition) => settlesWithin(SETTLED_WITHIN_MS, settled(partition))),
  );
  return partitions.filter((_, at) => isReady[at]);
}

/** Whether the work succeeds in time; it continues in the background if not. */
async function settlesWithin(maxMs: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const late = delay(maxMs, false, { signal: over.signal }).catch(() => false);
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => over.abort());
}

function otherLog(stored: LogIdentity, log: LogIdentity): PartitionFaultError {
  const what = stored.clusterId === log.clusterId ? "topic" : "cluster";
  return new PartitionFaultError(
    `the group's offset belongs to another log (another ${what}): ${logName(stored)}, but the log is ${logName(log)}`,
    "Stop all processors, check that the new log is the right one, then run: npm run fiber -- processor accept-log",
  );
}

const logName = ({ clusterId, topicId }: LogIdentity) => `${clusterId}/${topicId}`;
