import { createFairQueue } from "@fiberstream/http/fair-queue";
import { createInFlight } from "@fiberstream/http/in-flight";
import { Refusal } from "../answers/refusal.ts";

export type Turns = {
  /**
   * Waits for a turn.
   * @param gone its abort ends the waiting
   * @returns a function that ends it; it has to be called once
   * @throws {Refusal} as `run` does
   */
  take: (readerId: string, gone?: AbortSignal) => Promise<() => void>;
  /**
   * Runs work when it is its turn.
   * @param gone its abort ends the waiting, not the work
   * @throws {Refusal} RATE_LIMITED when the reader has too many questions in flight, OVERLOADED when too many wait
   * @throws the reason of `gone`
   */
  run: <T>(readerId: string, work: () => Promise<T>, gone?: AbortSignal) => Promise<T>;
  readonly waiting: () => number;
};

/**
 * Limits how many questions the database works on at a time. Those that wait take turns by reader, so that a reader with
 * many questions does not delay one with few.
 *
 * @param options.maxRunningPerReader the others of a reader wait, although there is room: for other readers. Default: atOnce
 */
export function createTurns(options: {
  atOnce: number;
  maxWaiting: number;
  maxPerReader: number;
  maxRunningPerReader?: number;
}): Turns {
  const { atOnce, maxWaiting, maxPerReader, maxRunningPerReader = atOnce } = options;
  const inFlight = createInFlight();
  const runningOf = createInFlight();
  const queue = createFairQueue<() => void>();
  let running = 0;
  let waiting = 0;

  const begins = (readerId: string) => runningOf.enter(readerId, maxRunningPerReader);

  const turn = async (readerId: string, gone: AbortSignal | undefined) => {
    gone?.throwIfAborted();
    if (running < atOnce && begins(readerId)) {
      running++;
      return;
    }
    if (waiting >= maxWaiting) {
      throw new Refusal(
        "OVERLOADED",
        `${waiting} questions are waiting for the database: retry later`,
      );
    }
    const called = Promise.withResolvers<void>();
    const leave = () => {
      if (!queue.remove(readerId, called.resolve)) return;
      waiting--;
      called.reject(gone?.reason);
    };
    queue.add(readerId, called.resolve);
    waiting++;
    gone?.addEventListener("abort", leave, { once: true });
    await called.promise.finally(() => gone?.removeEventListener("abort", leave));
  };

  const end = (readerId: string) => {
    runningOf.leave(readerId);
    running--;
    while (running < atOnce) {
      const next = queue.next(begins);
      if (next === undefined) return;
      running++;
      waiting--;
      next();
    }
  };

  const take: Turns["take"] = async (readerId, gone) => {
    if (!inFlight.enter(readerId, maxPerReader)) {
      throw new Refusal(
        "RATE_LIMITED",
        `this key has ${maxPerReader} questions in flight: wait for their answers`,
      );
    }
    try {
      await turn(readerId, gone);
    } catch (error) {
      inFlight.leave(readerId);
      throw error;
    }
    return () => {
      end(readerId);
      inFlight.leave(readerId);
    };
  };

  return {
    take,
    run: async (readerId, work, gone) => {
      const endTurn = await take(readerId, gone);
      try {
        return await work();
      } finally {
        endTurn();
      }
    },
    waiting: () => waiting,
  };
}
