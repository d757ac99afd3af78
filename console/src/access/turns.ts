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
  const inFlight = new Map<string, number>();
  /** In the order of their next turn. */
  const queues = new Map<string, (() => void)[]>();
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
    const queue = queues.get(readerId);
    if (queue === undefined) queues.set(readerId, [called.resolve]);
    else queue.push(called.resolve);
    waiting++;
    await called.promise;
  };

  const passOn = () => {
    for (const [readerId, queue] of queues) {
      const next = queue.shift();
      queues.delete(readerId);
      // The reader's other questions wait behind those of all others.
      if (queue.length > 0) queues.set(readerId, queue);
      if (next === undefined) continue;
      waiting--;
      next();
      return;
    }
    running--;
  };

  const take = async (readerId: string) => {
    const count = inFlight.get(readerId) ?? 0;
    if (count >= maxPerReader) {
      throw new Refusal(
        "RATE_LIMITED",
        `this key has ${count} questions in flight: wait for their answers`,
      );
    }
    inFlight.set(readerId, count + 1);
    const leave = () => {
      const left = (inFlight.get(readerId) ?? 1) - 1;
      if (left === 0) inFlight.delete(readerId);
      else inFlight.set(readerId, left);
    };
    try {
      await turn(readerId);
    } catch (error) {
      leave();
      throw error;
    }
    return () => {
      passOn();
      leave();
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
