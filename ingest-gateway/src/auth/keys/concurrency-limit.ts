import { type Dependency, TransientError } from "@fiberstream/runtime/errors";

/**
 * Does the work when it is its turn.
 * @throws {TransientError} at once when too many wait
 */
export type ConcurrencyLimit = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Runs at most `atOnce` pieces of work at a time, first come, first served.
 *
 * @param options.dependency what they wait for
 */
export function createConcurrencyLimit(options: {
  dependency: Dependency;
  atOnce: number;
  maxWaiting: number;
}): ConcurrencyLimit {
  const { dependency, atOnce, maxWaiting } = options;
  const waiting: (() => void)[] = [];
  let running = 0;

  const turn = async () => {
    if (running < atOnce) running++;
    else if (waiting.length >= maxWaiting) {
      throw new TransientError(dependency, `more than ${maxWaiting} wait for it already`);
    } else await new Promise<void>((resolve) => waiting.push(resolve));
  };

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      // The turn is handed on, so that nobody who comes now is before those who wait.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
