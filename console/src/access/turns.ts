import { createFairQueue } from "@fiberstream/http/fair-queue";
import { createInFlight } from "@fiberstream/http/in-flight";
import { Refusal } from "../answers/refusal.ts";

export type Turns = {
  /**
   * Waits for a turn.
   * @returns a function that ends it; it has to be called once
   * @throws {Refusal} as `run` does
   */
  take: (readerId: string) => Promise<() => void>;
  /**
   * Runs work when it is its turn.
   * @throws {Refusal} RATE_LIMITED when the reader has too many questions in flight, OVERLOADED when too many wait
   */
  run: <T>(readerId: string, work: () => Promise<T>) => Promise<T>;
  readonly waiting: () => number;
};

/**
 * Limits how many questions the database works on at a time. Those that wait take turns by reader, so that a reader with
 * many questions does not delay one with few.
 */
export function createTurns(options: {
  atOnce: number;
  maxWaiting: number;
  maxPerReader: number;
}): Turns {
  const { atOnce, maxWaiting, maxPerReader } = options;
  const inFlight = createInFlight();
  const queue = createFairQueue<() => void>();
  let running = 0;
  let waiting = 0;

  const turn = async (readerId: string) => {
    if (running < atOnce) {
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
    queue.add(readerId, called.resolve);
    waiting++;
    await called.promise;
  };

  const passOn = () => {
    const next = queue.next();
    if (next === undefined) {
      running--;
      return;
    }
    waiting--;
    next();
  };

  const take = async (readerId: string) => {
    if (!inFlight.enter(readerId, maxPerReader)) {
      throw new Refusal(
        "RATE_LIMITED",
        `this key has ${maxPerReader} questions in flight: wait for their answers`,
      );
    }
    try {
      await turn(readerId);
    } catch (error) {
      inFlight.leave(readerId);
      throw error;
    }
    return () => {
      passOn();
      inFlight.leave(readerId);
    };
  };

  return {
    take,
    run: async (readerId, work) => {
      const end = await take(readerId);
      try {
        return await work();
      } finally {
        end();
      }
    },
    waiting: () => waiting,
  };
}
