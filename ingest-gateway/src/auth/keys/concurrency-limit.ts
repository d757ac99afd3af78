import { type Dependency, TransientError } from "@fiberstream/runtime/errors";

/**
 * Runs the work when it is its turn.
 * @throws {TransientError} at once if too many are waiting
 */
export type ConcurrencyLimit = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Runs at most `atOnce` calls at a time, in the order of arrival.
 *
 * @param options.dependency that the calls wait for
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
      throw new TransientError(dependency, `more than ${maxWaiting} calls are waiting for it`);
    } else await new Promise<void>((resolve) => waiting.push(resolve));
  };

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      // The turn passes to the first waiting call, so that a new call cannot overtake it.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
