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

/** Where a partition goes on, as far as this process knows. */
export type KnownPosition = {
  /** Undefined while a transaction's outcome is not known. */
  readonly position: bigint | "beginning" | undefined;
  /** Who this process was in the group when it asked for the position; undefined when it was nobody. */
  readonly memberId: string | undefined;
  /** The caller's own text that was committed with it. */
  readonly text: string;
  /** What this process itself has committed while the partition is its own. */
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
  /** Settles when none of this process's own transactions that may have moved the partition is open. */
  settled: (partition: number) => Promise<void>;
  log: Log;
  /** For tests. */
  nowMs?: () => number;
};

/** One slow coordinator must not hold up the positions that do not need it: they are asked for again soon. */
const PATIENCE_MS = 1_000;
/** An open transaction of a process that is alive takes some milliseconds to end. */
const UNSTABLE_FOR_MS = 500;
/**
 * What a dead process has left open is waited for so long. The generation keeps it from committing, whenever it is ended;
 * readers of what is behind it wait, at most until its coordinator ends it.
 */
const FENCED_WITHIN_MS = 2_000;
/** How long a coordinator may not know what its predecessor has taken. */
const BEHIND_FOR_MS = 60_000;

/**
 * Tells where partitions go on. Whoever had them before is fenced first: by the group's generation, which the broker
 * looks at, and what a dead process has left open is ended, so that nothing holds back readers for long.
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
   * The partitions whose last owner, if it is dead or has been holding them up, is being fenced, and has not been for
   * long: fencing goes on, and what its open transactions hold back is unstable anyway.
   */
  const fenceDead = async (known: ReadonlyMap<number, OffsetAnswer>): Promise<Set<number>> => {
    const live = liveProcesses();
    for (const one of live) {
      fences.forget(one);
      fencingSinceMs.delete(one);
    }
    const left = [...known].flatMap(([partition, answer]) => {
      if (typeof answer !== "object") return [];
      const { committer } = readOffsetMetadata(answer.metadata);
      if (committer === undefined || committer.processId === processId) return [];
      if (live.has(committer.processId) && !isStuck(partition)) return [];
      return [{ partition, committer }];
    });
    const waiting = new Set<number>();
    const byProcess = Map.groupBy(left, ({ committer }) => committer.processId);
    const fenced = Array.from(byProcess, async ([dead, some]) => {
      const idNumbers = [...new Set(some.flatMap(({ committer }) => committer.idNumbers))];
      const sinceMs = fencingSinceMs.get(dead) ?? nowMs();
      fencingSinceMs.set(dead, sinceMs);
      if (await settlesSoon(fences.fence({ processId: dead, idNumbers }))) {
        fencingSinceMs.delete(dead);
      } else if (nowMs() - sinceMs < FENCED_WITHIN_MS) {
        for (const { partition } of some) waiting.add(partition);
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
    const isBehind =
      committedHere !== undefined &&
      !isAnotherLog(committedHere.log, found) &&
      (offset ?? -1n) < committedHere.offset;
    if (isBehind) return notBelieved(partition, offset, committedHere.offset);
    behindSinceMs.delete(partition);
    const position = offset ?? "beginning";
    knownPositions.set(partition, { position, memberId, text: stored.text, committedHere });
    return offset === undefined ? "beginning" : epochOffset(offset, leaderEpoch);
  };

  /** A coordinator that has come back may not know yet what its successor has taken. */
  const notBelieved = (partition: number, offset: bigint | undefined, here: bigint) => {
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
      "Restart this process if the offset was set back on purpose; else look whether the brokers have lost commits",
    );
  };

  return {
    /**
     * @returns the positions that are known; those of partitions with an open transaction, an error or no answer are left
     *   out: not known yet is not "nobody has committed"
     * @throws {BrokerAnswerError}
     * @throws {Error} no coordinator has answered
     */
    of: async (
      partitions: readonly number[],
      found: LogIdentity,
    ): Promise<ReadonlyMap<number, Position>> => {
      const memberIds = new Map(partitions.map((one) => [one, steps.member(one)?.memberId]));
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
  const isReady = await Promise.all(partitions.map((partition) => settlesSoon(settled(partition))));
  return partitions.filter((_, at) => isReady[at]);
}

/** Whether it is done, and soon; it goes on if it is not. */
async function settlesSoon(work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const late = delay(PATIENCE_MS, false, { signal: over.signal }).catch(() => false);
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => over.abort());
}

function otherLog(stored: LogIdentity, log: LogIdentity): PartitionFaultError {
  const what = stored.clusterId === log.clusterId ? "topic" : "cluster";
  return new PartitionFaultError(
    `the group's offset is of another ${what}: of ${nameOf(stored)}, where the log is ${nameOf(log)}`,
    "Stop all processors, look whether the new log is the right one, then run: npm run fiber -- processor accept-log",
  );
}

const nameOf = ({ clusterId, topicId }: LogIdentity) => `${clusterId}/${topicId}`;
