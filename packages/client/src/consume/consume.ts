import { type ConsumeBatchesOptions, consumePartially } from "./consume-batches.ts";
import type { TopicRecord, TopicValues } from "../records/topic-record.ts";

export type ConsumeOptions<Topic extends keyof TopicValues> = Omit<
  ConsumeBatchesOptions<Topic>,
  "onBatch" | "partitionsAtOnce"
>;

/** A batch that the consumer passes to the loop. */
type PendingBatch<Topic extends keyof TopicValues> = {
  readonly records: readonly TopicRecord<Topic>[];
  /** Called with the offset up to which the loop has processed it; undefined: all of it. */
  readonly doneUpTo: (offset: bigint | undefined) => void;
};

/**
 * Consumes a topic at least once, record by record:
 * `for await (const record of consume({ cluster, topic, group }))`.
 *
 * A record counts as processed when the loop asks for the next one. If the loop ends by `break` or an error, the current
 * record does not count as processed, and is delivered again. If `signal` is aborted, it does, and the loop ends after it.
 * Offsets are committed for each batch, and when the loop ends.
 *
 * @throws {UndecodableError}, or an Error with the reason why the group cannot continue
 */
export async function* consume<Topic extends keyof TopicValues>(
  options: ConsumeOptions<Topic>,
): AsyncGenerator<TopicRecord<Topic>, void, undefined> {
  const left = new AbortController();
  const signal = AbortSignal.any(options.signal ? [options.signal, left.signal] : [left.signal]);
  let arrived = Promise.withResolvers<PendingBatch<Topic> | undefined>();

  const consuming = consumePartially({
    ...options,
    signal,
    onRecords: (records) => {
      const done = Promise.withResolvers<bigint | undefined>();
      arrived.resolve({ records, doneUpTo: done.resolve });
      return done.promise;
    },
  });
  const over = consuming.then(() => undefined);
  // The loop throws its error. Without this listener, the unhandled rejection would end the process first.
  over.catch(() => undefined);

  try {
    for (;;) {
      const batch = await Promise.race([arrived.promise, over]);
      if (batch === undefined) return;
      arrived = Promise.withResolvers();
      let nextOffset = batch.records[0]?.offset;
      try {
        for (const record of batch.records) {
          nextOffset = record.offset;
          yield record;
          nextOffset = record.offset + 1n;
          if (signal.aborted) return;
        }
        nextOffset = undefined;
      } finally {
        batch.doneUpTo(nextOffset);
      }
    }
  } finally {
    left.abort();
    // A batch that arrived while the loop ended: none of its records was processed.
    void arrived.promise.then((batch) => batch?.doneUpTo(batch.records[0]?.offset));
    await consuming;
  }
}
