import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { MemberIdentity } from "../group/group-member.ts";
import type { Destination } from "./send/destinations.ts";
import { RecordRefusedError } from "../errors/record-refused.ts";
import type { Session } from "./coordinator/session.ts";

/** What one input partition has to write, with where it goes. */
export type QueuedCommit = {
  readonly destinations: readonly Destination[];
  /**
   * In whose name it would be committed now.
   * @throws {TransientError} its partition or position is lost
   */
  readonly claim: () => MemberIdentity;
  /** Told before the outcome of a transaction that has failed is looked at. */
  readonly onDoubt: () => void;
};

export type TransactionQueue<Part extends QueuedCommit> = {
  /**
   * Settles when the part is committed, together with those that came at the same moment or while the transaction
   * before was under way.
   * @throws {TransientError} all of it is seen or nothing
   * @throws {RecordRefusedError} nothing of it is seen
   */
  commit: (part: Part) => Promise<void>;
  /**
   * Settles when no transaction of a session before is open any more.
   * @throws {Error} it is not known
   */
  settled: () => Promise<void>;
  /** Ends after the transaction that is under way. */
  close: () => Promise<void>;
};

/** Bounds what a transaction has in memory and for how long it is open. */
const MOST_BYTES = 8_000_000;

type Waiting<Part> = {
  readonly part: Part;
  readonly bytes: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * One transactional id for many input partitions, one transaction after the other. A transaction costs the broker
 * about as much for twelve partitions as for one (ADR 5).
 */
export function createTransactionQueue<Part extends QueuedCommit>(options: {
  /** How many parts a transaction takes at most. */
  mostParts?: number;
  open: () => Promise<Session>;
  run: (session: Session, parts: readonly Part[], member: MemberIdentity) => Promise<void>;
}): TransactionQueue<Part> {
  const { mostParts = Infinity } = options;
  let session: Promise<Session> | undefined;
  let isDoubtful = false;
  let waiting: Waiting<Part>[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;

  const opened = (): Promise<Session> => {
    if (session !== undefined) return session;
    const opening = options.open();
    session = opening;
    opening.then(
      () => (isDoubtful = false),
      () => {
        if (session === opening) session = undefined;
      },
    );
    return opening;
  };

  /** As many as a transaction takes, in one name; those of another name wait for the next one. */
  const take = (): { parts: Waiting<Part>[]; member: MemberIdentity } | undefined => {
    const parts: Waiting<Part>[] = [];
    const later: Waiting<Part>[] = [];
    let member: MemberIdentity | undefined;
    let bytes = 0;
    for (const one of waiting) {
      const isFull =
        parts.length === mostParts || (parts.length > 0 && bytes + one.bytes > MOST_BYTES);
      try {
        const claimed = one.part.claim();
        if (isFull || (member !== undefined && !isSame(member, claimed))) {
          later.push(one);
          continue;
        }
        member = claimed;
        bytes += one.bytes;
        parts.push(one);
      } catch (error) {
        one.failed(error);
      }
    }
    waiting = later;
    return member && { parts, member };
  };

  const runOnce = async () => {
    let begun: Session;
    try {
      begun = await opened();
    } catch (error) {
      for (const { failed } of waiting.splice(0)) failed(error);
      return;
    }
    const taken = take();
    if (taken === undefined) return;
    const { parts, member } = taken;
    try {
      await options.run(
        begun,
        parts.map(({ part }) => part),
        member,
      );
      for (const { done } of parts) done();
    } catch (error) {
      session = undefined;
      isDoubtful = true;
      for (const { part } of parts) part.onDoubt();
      // At once: what is open holds back readers, and the partitions' positions.
      if (!isClosed) opened().catch(() => undefined);
      for (const { part, failed } of parts) failed(reasonFor(part, error));
    }
  };

  const runAll = async () => {
    // Batches of one fetch are ready within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) await runOnce();
    running = undefined;
  };

  return {
    commit: (part) => {
      if (isClosed) return Promise.reject(closed());
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const bytes = part.destinations.reduce((sum, one) => sum + one.bytes, 0);
      waiting.push({ part, bytes, done: resolve, failed: reject });
      running ??= runAll();
      return promise;
    },
    settled: async () => {
      if (isDoubtful) await opened();
    },
    close: async () => {
      isClosed = true;
      for (const { failed } of waiting.splice(0)) failed(closed());
      await running;
      if (isDoubtful) await opened().catch(() => undefined);
    },
  };
}

const closed = () => new TransientError("kafka", "the transactions are closed");

const isSame = (one: MemberIdentity, other: MemberIdentity) =>
  one.memberId === other.memberId && one.generationId === other.generationId;

/** A record that a broker refuses is the fault of the parts that it is in; the others only have to come again. */
function reasonFor({ destinations }: QueuedCommit, error: unknown): unknown {
  if (!(error instanceof RecordRefusedError)) return error;
  const own = new Set(destinations.flatMap(({ records }) => records));
  const records = error.records.filter((record) => own.has(record));
  const { topic, partition, type } = error;
  if (records.length > 0) return new RecordRefusedError({ topic, partition, type, records });
  return new TransientError("kafka", `shared a transaction with others: ${messageOf(error)}`);
}
