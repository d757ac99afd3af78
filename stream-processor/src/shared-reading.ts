/**
 * Reads for all who ask while it reads already once more, after that: what they are given was read after they have asked.
 *
 * @returns a function that throws what `read` throws
 */
export function createSharedReading<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  const begin = (): Promise<T> => {
    const reading = read();
    const ended = reading.then(
      () => undefined,
      () => undefined,
    );
    running = ended;
    void ended.then(() => {
      if (running === ended) running = undefined;
    });
    return reading;
  };

  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return begin();
    next = running.then(() => {
      next = undefined;
      return begin();
    });
    return next;
  };
}
