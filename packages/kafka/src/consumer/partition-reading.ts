import { PartitionFaultError } from "../errors/partition-fault.ts";
import { committedRecords } from "../protocol/committed-records.ts";
import type { IncomingRecord } from "../records.ts";
import { logDiffers } from "./epoch-ends.ts";
import type { FetchTicket } from "../fetch/fetch-loops.ts";
import type { FetchedBytes } from "../protocol/fetch-request.ts";

/** Fetched batches that wait, besides the one that is being processed. */
const MAX_WAITING = 1;

export type Fetched = {
  readonly records: readonly IncomingRecord[];
  readonly nextOffset: bigint;
  /** Of the last batch before `nextOffset`; -1 if unknown. */
  readonly leaderEpoch: number;
  readonly highWatermark: bigint;
};

export type Reading = ReturnType<typeof createReading>;

/** Fetches a partition from one start position, in order. */
export function createReading(options: {
  topic: string;
  partition: number;
  start: { position: bigint; from: bigint };
  /** Of the last batch before `start.from`; -1 if unknown. */
  leaderEpoch: number;
  wake: () => void;
  advice: string;
}) {
  const { topic, partition, wake, advice } = options;
  const waiting: Fetched[] = [];
  let fetchFrom = options.start.from;
  let { leaderEpoch } = options;
  let isFetching = false;
  let end: "again" | PartitionFaultError | undefined;
  let arrived = Promise.withResolvers<void>();

  const stopWith = (why: "again" | PartitionFaultError) => {
    end ??= why;
    arrived.resolve();
  };

  const take = (fetched: FetchedBytes) => {
    if (fetched.diverging !== undefined) {
      const at = { topic, partition, leaderEpoch, readTo: fetchFrom };
      return stopWith(logDiffers(at, fetched.diverging, advice, { untilMoved: true }));
    }
    let read: ReturnType<typeof committedRecords>;
    try {
      read = committedRecords(fetched, fetchFrom);
    } catch (error) {
      if (!(error instanceof PartitionFaultError)) throw error;
      return stopWith(
        new PartitionFaultError(
          `partition ${partition} of ${topic} cannot be read at offset ${fetchFrom}: ${error.reason}`,
          advice,
        ),
      );
    }
    const { records, end: after } = read;
    if (after !== undefined && after.nextOffset > fetchFrom) {
      fetchFrom = after.nextOffset;
      ({ leaderEpoch } = after);
    }
    const { highWatermark } = fetched;
    waiting.push({ records, nextOffset: fetchFrom, leaderEpoch, highWatermark });
    arrived.resolve();
  };

  const refused = (type: string) =>
    stopWith(
      type === "OFFSET_OUT_OF_RANGE"
        ? new PartitionFaultError(
            `partition ${partition} of ${topic} resumes at offset ${fetchFrom}, which Kafka does not have: ` +
              "it was deleted before it was read, or the topic was recreated",
            advice,
            { untilMoved: true },
          )
        : new PartitionFaultError(
            `partition ${partition} of ${topic} cannot be read at offset ${fetchFrom}: ${type}`,
            type.endsWith("AUTHORIZATION_FAILED") ? "Grant this user access to the topic" : advice,
          ),
    );

  return {
    ticket: (): FetchTicket | undefined => {
      if (end !== undefined || isFetching || waiting.length >= MAX_WAITING) return undefined;
      isFetching = true;
      let isSpent = false;
      const once =
        <Args extends unknown[]>(use: (...args: Args) => void) =>
        (...args: Args) => {
          if (isSpent) return;
          isSpent = true;
          isFetching = false;
          if (end === undefined) use(...args);
        };
      return {
        partition,
        offset: fetchFrom,
        leaderEpoch,
        take: once(take),
        refused: once(refused),
        release: once(() => undefined),
      };
    },
    again: () => stopWith("again"),
    /** Returns up to where it has fetched. */
    readTo: () => ({ offset: fetchFrom, leaderEpoch }),
    hasMore: () => waiting.length > 0,
    next: async (): Promise<Fetched | "again" | PartitionFaultError> => {
      for (;;) {
        if (end !== undefined) return end;
        const next = waiting.shift();
        if (next !== undefined) {
          wake();
          return next;
        }
        arrived = Promise.withResolvers();
        await arrived.promise;
      }
    },
  };
}
