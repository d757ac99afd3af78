import type { RecordBatch } from "@fiberstream/kafka/records";
import type { WriteBatches } from "./write-batches.ts";

type Waiting = {
  readonly batch: RecordBatch;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * Returns a function that writes batches with group commit: batches of several partitions share a transaction and
 * a COPY, if they arrive at the same moment or while all writers are busy. Measured with 12 partitions of 10 records
 * each: 12 commits take 31 ms, one takes 4 ms.
 *
 * A batch whose write has failed is written alone from then on: its cause, such as a stored offset that another
 * member moved, must not fail the other batches again.
 *
 * A batch of very many small or compressed records is split, and each slice is committed by itself, so that a write
 * ends in time even if PostgreSQL rejects each of its rows.
 *
 * @param options.maxRows a write takes no further batch that would exceed it
 * @param options.maxRowsAlone a larger batch is split
 * @param options.writers how many writes run at the same time
 * @returns a function that settles when the batch is committed, and throws what its write threw
 */
export function createGroupWrites(options: {
  write: WriteBatches;
  maxRows: number;
  maxRowsAlone?: number;
  writers: number;
}): (batch: RecordBatch) => Promise<void> {
  const { write, maxRows, writers } = options;
  const maxRowsAlone = Math.max(maxRows, options.maxRowsAlone ?? MAX_ROWS_ALONE);
  const waiting: Waiting[] = [];
  const failedBefore = new WeakSet<RecordBatch>();
  const slicesOf = new WeakMap<RecordBatch, readonly RecordBatch[]>();
  let busyWriters = 0;
  let isDue = false;

  const writeTogether = async (group: readonly Waiting[]) => {
    busyWriters++;
    try {
      await write(group.map(({ batch }) => batch));
      for (const { done } of group) done();
    } catch (error) {
      for (const { batch, failed } of group) {
        failedBefore.add(batch);
        failed(error);
      }
    } finally {
      busyWriters--;
      startWrites();
    }
  };

  const startWrites = () => {
    for (let idle = writers - busyWriters; idle > 0 && waiting.length > 0; idle--) {
      void writeTogether(takeGroup(waiting, { maxRows, failedBefore }));
    }
  };

  const enqueue = (batch: RecordBatch): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ batch, done: resolve, failed: reject });
    if (!isDue) {
      isDue = true;
      // All batches of a fetch arrive within one turn of the event loop.
      setImmediate(() => {
        isDue = false;
        startWrites();
      });
    }
    return promise;
  };

  return async (batch) => {
    if (batch.records.length <= maxRowsAlone) return enqueue(batch);
    const slices = slicesOf.get(batch) ?? split(batch, maxRowsAlone);
    // A retry gets the same slices, so that `failedBefore` knows the one that failed.
    slicesOf.set(batch, slices);
    for (const slice of slices) await enqueue(slice);
  };
}

/** If PostgreSQL rejects all of them, isolating them takes 10,000 attempts. */
const MAX_ROWS_ALONE = 5_000;

function split(batch: RecordBatch, maxRows: number): RecordBatch[] {
  const { records } = batch;
  const offsetAt = (at: number) =>
    at === 0 ? batch.firstOffset : BigInt(records[at]?.offset ?? batch.nextOffset);
  const slices: RecordBatch[] = [];
  for (let at = 0; at < records.length; at += maxRows) {
    const isLast = at + maxRows >= records.length;
    slices.push({
      ...batch,
      // Of the batch's last record. A record of an earlier slice may have a lower one, which is not known here.
      leaderEpoch: isLast ? batch.leaderEpoch : undefined,
      records: records.slice(at, at + maxRows),
      firstOffset: offsetAt(at),
      nextOffset: offsetAt(at + maxRows),
    });
  }
  return slices;
}

/** Takes batches from the front, at least one. */
function takeGroup(
  waiting: Waiting[],
  limits: { maxRows: number; failedBefore: Pick<WeakSet<RecordBatch>, "has"> },
): Waiting[] {
  let rows = 0;
  let count = 0;
  for (const { batch } of waiting) {
    const isAlone = limits.failedBefore.has(batch);
    rows += batch.records.length;
    if (count > 0 && (isAlone || rows > limits.maxRows)) break;
    count++;
    if (isAlone) break;
  }
  return waiting.splice(0, count);
}
