/**
 * Stops waiting for work that takes too long. The work itself continues, and its outcome is ignored.
 * @param options.late creates the error
 * @throws what `work` throws, or `late()` after `maxWaitMs`
 */
export async function withTimeout<T>(
  work: Promise<T>,
  { maxWaitMs, late }: { maxWaitMs: number; late: () => Error },
): Promise<T> {
  const timedOut = Promise.withResolvers<never>();
  const timer = setTimeout(() => timedOut.reject(late()), maxWaitMs);
  try {
    return await Promise.race([work, timedOut.promise]);
  } finally {
    clearTimeout(timer);
  }
}
