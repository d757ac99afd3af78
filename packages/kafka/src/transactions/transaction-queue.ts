import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { MemberIdentity } from "../group/group-member.ts";
import type { Destination } from "./send/destinations.ts";
import { RecordRefusedError } from "../errors/record-refused.ts";
import type { Session } from "./coordinator/session.ts";

/** The records of one input partition and their destinations. */
export type QueuedCommit = {
  readonly destinations: readonly Destination[];
  /**
   * Checks that the partition and its position are still this process's, when the transaction begins.
   * @returns the group member that commits it
   * @throws {TransientError} the partition or the position was lost
   */
  readonly claim: () => MemberIdentity;
  /** Called when a transaction has failed and its outcome is unknown. */
  readonly onOutcomeUnknown: () => void;
};

export type TransactionQueue<Commit extends QueuedCommit> = {
  /**
   * Settles when it is committed, in one transaction with the commits that were queued at the same moment or during
   * the previous transaction.
   * @throws {TransientError} either everything or nothing was committed
   * @throws {RecordRefusedError} nothing was committed
   */
  commit: (commit: Commit) => Promise<void>;
  /**
   * Settles when no transaction of a previous session is open.
   * @throws {Error} that is unknown
   */
  settled: () => Promise<void>;
  /** Waits for the transaction in progress. */
  close: () => Promise<void>;
};

/** Bounds a transaction's memory and duration. */
const MAX_BYTES = 8_000_000;

type Waiting<Commit> = {
  readonly commit: Commit;
  readonly bytes: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * Group commit: one transactional id runs one transaction after the other for many input partitions. A transaction
 * costs the broker about as much for twelve partitions as for one (ADR 5).
 */
export function createTransactionQueue<Commit extends QueuedCommit>(options: {
  /** The most commits in one transaction. */
  maxCommits?: number;
  open: () => Promise<Session>;
  run: (session: Session, commits: readonly Commit[], member: MemberIdentity) => Promise<void>;
}): TransactionQueue<Commit> {
  const { maxCommits = Infinity } = options;
  let session: Promise<Session> | undefined;
  let isOutcomeUnknown = false;
  let waiting: Waiting<Commit>[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;

  const opened = (): Promise<Session> => {
    if (session !== undefined) return session;
    const opening = options.open();
    session = opening;
    opening.then(
      () => (isOutcomeUnknown = false),
      () => {
        if (session === opening) session = undefined;
      },
    );
    return opening;
  };

  /** Takes the next transaction's commits from the queue, all of one member; others wait for the next transaction. */
  const takeNext = (): { commits: Waiting<Commit>[]; member: MemberIdentity } | undefined => {
    const commits: Waiting<Commit>[] = [];
    const postponed: Waiting<Commit>[] = [];
    let member: MemberIdentity | undefined;
    let bytes = 0;
    for (const entry of waiting) {
      const isFull =
        commits.length === maxCommits || (commits.length > 0 && bytes + entry.bytes > MAX_BYTES);
      try {
        const claimed = entry.commit.claim();
        if (isFull || (member !== undefined && !isSame(member, claimed))) {
          postponed.push(entry);
          continue;
        }
        member = claimed;
        bytes += entry.bytes;
        commits.push(entry);
      } catch (error) {
        entry.failed(error);
      }
    }
    waiting = postponed;
    return member && { commits, member };
  };

  const runOnce = async () => {
    let current: Session;
    try {
      current = await opened();
    } catch (error) {
      for (const { failed } of waiting.splice(0)) failed(error);
      return;
    }
    const taken = takeNext();
    if (taken === undefined) return;
    const { commits, member } = taken;
    try {
      await options.run(
        current,
        commits.map(({ commit }) => commit),
        member,
      );
      for (const { done } of commits) done();
    } catch (error) {
      session = undefined;
      isOutcomeUnknown = true;
      for (const { commit } of commits) commit.onOutcomeUnknown();
      // Immediately: an open transaction blocks readers and the partitions' positions.
      if (!isClosed) opened().catch(() => undefined);
      for (const { commit, failed } of commits) failed(reasonFor(commit, error));
    }
  };

  const runAll = async () => {
    // All batches of one fetch are queued within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) await runOnce();
    running = undefined;
  };

  return {
    commit: (commit) => {
      if (isClosed) return Promise.reject(closed());
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const bytes = commit.destinations.reduce((sum, destination) => sum + destination.bytes, 0);
      waiting.push({ commit, bytes, done: resolve, failed: reject });
      running ??= runAll();
      return promise;
    },
    settled: async () => {
      if (isOutcomeUnknown) await opened();
    },
    close: async () => {
      isClosed = true;
      for (const { failed } of waiting.splice(0)) failed(closed());
      await running;
      if (isOutcomeUnknown) await opened().catch(() => undefined);
    },
  };
}

const closed = () => new TransientError("kafka", "the transactions are closed");

const isSame = (a: MemberIdentity, b: MemberIdentity) =>
  a.memberId === b.memberId && a.generationId === b.generationId;

/** A refused record is an error of the commits that contain it; the others of the transaction only have to be retried. */
function reasonFor({ destinations }: QueuedCommit, error: unknown): unknown {
  if (!(error instanceof RecordRefusedError)) return error;
  const own = new Set(destinations.flatMap(({ records }) => records));
  const records = error.records.filter((record) => own.has(record));
  const { topic, partition, type } = error;
  if (records.length > 0) return new RecordRefusedError({ topic, partition, type, records });
  return new TransientError(
    "kafka",
    `a commit in the same transaction failed: ${messageOf(error)}`,
  );
}
