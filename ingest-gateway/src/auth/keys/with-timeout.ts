/**
 * Stops waiting for work that takes too long; its result is ignored.
 * @throws what `work` throws, or `late()` after `maxWaitMs`
 */
export async function withTimeout<T>(
  work: Promise<T>,
  { maxWaitMs, late }: { maxWaitMs: number; late: () => Error },
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), maxWaitMs);
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
