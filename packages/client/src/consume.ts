import { type ConsumeBatchesOptions, consumeParts } from "./consume-batches.ts";
import type { TopicRecord, TopicValues } from "./topic-record.ts";

export type ConsumeOptions<Topic extends keyof TopicValues> = Omit<
  ConsumeBatchesOptions<Topic>,
  "onBatch" | "partitionsAtOnce"
>;

/** A batch on its way from the consumer to the loop. */
type Part<Topic extends keyof TopicValues> = {
  readonly records: readonly TopicRecord<Topic>[];
  /** Undefined: all of it. */
  readonly doneUpTo: (offset: bigint | undefined) => void;
};

/**
 * Consumes a topic at least once, record by record:
 * `for await (const record of consume({ cluster, topic, group }))`.
 *
 * A record is done when the loop asks for the next one. The one in hand when the loop is left by `break`
 * or by an error is not, and comes again; when `signal` is aborted it is, and the loop ends after it.
 * Offsets are committed a batch at a time, and when the loop ends.
 *
 * @throws {UndecodableError}, or an Error that says why the group cannot go on
 */
export async function* consume<Topic extends keyof TopicValues>(
  options: ConsumeOptions<Topic>,
): AsyncGenerator<TopicRecord<Topic>, void, undefined> {
  const left = new AbortController();
  const signal = AbortSignal.any(options.signal ? [options.signal, left.signal] : [left.signal]);
  let arrived = Promise.withResolvers<Part<Topic> | undefined>();

  const consuming = consumeParts({
    ...options,
    signal,
    onPart: (records) => {
      const done = Promise.withResolvers<bigint | undefined>();
      arrived.resolve({ records, doneUpTo: done.resolve });
      return done.promise;
    },
  });
  const over = consuming.then(() => undefined);
  // What it throws is thrown from the loop; without a listener of its own it would end the process first.
  over.catch(() => undefined);

  try {
    for (;;) {
      const part = await Promise.race([arrived.promise, over]);
      if (part === undefined) return;
      arrived = Promise.withResolvers();
      let inHand = part.records[0]?.offset;
      try {
        for (const record of part.records) {
          inHand = record.offset;
          yield record;
          inHand = record.offset + 1n;
          if (signal.aborted) return;
        }
        inHand = undefined;
      } finally {
        part.doneUpTo(inHand);
      }
    }
  } finally {
    left.abort();
    // One that came while the loop was being left: nothing of it is done.
    void arrived.promise.then((part) => part?.doneUpTo(part.records[0]?.offset));
    await consuming;
  }
}
