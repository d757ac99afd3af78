import { TransientError } from "@fiberstream/runtime/errors";
import type { TopicRecords } from "./transaction-send.ts";
import type { TransactionalProducer } from "./transactional-producer.ts";

/** What one input partition has to write, and where that leaves it. */
export type TransactionPart = {
  readonly partition: number;
  readonly nextOffset: bigint;
  /** Comes back with the offset, up to 4 KB. */
  readonly metadata: string;
  readonly batches: readonly TopicRecords[];
  /** Told when the records could not be sent, as opposed to a commit that fails or is refused. */
  readonly onUnsent?: () => void;
};

/** The time from a fence to the first failure after it, in which nobody else can have had the id. */
export type Tenure = { closedBy?: unknown };

export type SharedTransactions = {
  /**
   * The tenure that there is, or a new one: then whoever had the transactional id is fenced off. Who reads
   * its committed offset after this may commit what comes next, within this tenure only.
   * @throws {TransientError} @throws {FatalError}
   */
  enter: () => Promise<Tenure>;
  /**
   * Settles when the part is committed, together with those of other partitions that came at the same moment
   * or while the transaction before was under way.
   * @throws {TransientError} all of them are seen or none, or the tenure has ended: `enter`, then ask for the
   *   committed offset @throws {FatalError}
   */
  commit: (tenure: Tenure, part: TransactionPart) => Promise<void>;
  /** Ends the tenure: others may have the partitions now. */
  leave: () => void;
  close: () => Promise<void>;
};

type Waiting = {
  readonly tenure: Tenure;
  readonly part: TransactionPart;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * One transactional producer for several input partitions, one transaction after the other. A transaction
 * costs the broker about as much for twelve partitions as for one.
 */
export function createSharedTransactions(options: {
  producer: TransactionalProducer;
  /** Whose positions move with the transactions, in which topic. */
  groupId: string;
  topic: string;
}): SharedTransactions {
  const { producer, groupId, topic } = options;
  let current: Tenure = { closedBy: new TransientError("kafka", "the id is not ours yet") };
  let entering: Promise<Tenure> | undefined;
  let waiting: Waiting[] = [];
  let isDue = false;
  let isClosed = false;
  let last: Promise<unknown> = Promise.resolve();

  const oneByOne = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };

  const begin = (): Promise<Tenure> => {
    const tenure: Tenure = {};
    current = tenure;
    const begun = oneByOne(async () => {
      try {
        await producer.fence();
        return tenure;
      } catch (error) {
        tenure.closedBy = error;
        throw error;
      } finally {
        if (entering === begun) entering = undefined;
      }
    });
    return begun;
  };

  const commitWaiting = async () => {
    isDue = false;
    const group = waiting;
    waiting = [];
    const tenure = current;
    const isOpen = (one: Waiting) => one.tenure === tenure && tenure.closedBy === undefined;
    const open = group.filter(isOpen);
    for (const one of group) if (!isOpen(one)) one.failed(one.tenure.closedBy);
    if (open.length === 0) return;
    const parts = open.map(({ part }) => part);
    try {
      await producer.transaction(async (transaction) => {
        const sent = transaction.send(parts.flatMap(({ batches }) => batches));
        sent.catch(() => parts.forEach(({ onUnsent }) => onUnsent?.()));
        await Promise.all([sent, transaction.commitOffsets({ groupId, topic, partitions: parts })]);
      });
      for (const { done } of open) done();
    } catch (error) {
      tenure.closedBy = error;
      for (const { failed } of open) failed(error);
    }
  };

  return {
    enter: async () => {
      if (isClosed) throw CLOSED;
      return entering ?? (current.closedBy === undefined ? current : (entering = begin()));
    },
    commit: (tenure, part) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ tenure, part, done: resolve, failed: reject });
      if (!isDue) {
        isDue = true;
        // Batches of one fetch are ready within one turn of the event loop.
        setImmediate(() => void oneByOne(commitWaiting));
      }
      return promise;
    },
    leave: () => {
      current.closedBy ??= new TransientError("kafka", "the partitions are assigned anew");
      entering = undefined;
    },
    close: () => {
      isClosed = true;
      current.closedBy ??= CLOSED;
      return oneByOne(() => producer.close());
    },
  };
}

const CLOSED = new TransientError("kafka", "the producer is closed");
