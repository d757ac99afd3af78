/**
 * Runs the work when it is its turn.
 * @throws the error of `tooMany`, at once, if too many are waiting
 */
export type ConcurrencyLimit = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Runs at most `atOnce` calls at a time, in the order of arrival.
 *
 * @param options.tooMany makes the error for a call that would wait behind too many
 */
export function createConcurrencyLimit(options: {
  atOnce: number;
  maxWaiting: number;
  tooMany: () => Error;
}): ConcurrencyLimit {
  const { atOnce, maxWaiting, tooMany } = options;
  const waiting: (() => void)[] = [];
  let running = 0;

  const turn = async () => {
    if (running < atOnce) running++;
    else if (waiting.length >= maxWaiting) throw tooMany();
    else await new Promise<void>((resolve) => waiting.push(resolve));
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
