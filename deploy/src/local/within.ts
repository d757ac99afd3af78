import { NativeError } from "@fiberstream/local-stack/native/native-error";

/**
 * Waits for work with a time limit, so that no start hangs: a request that a backing service lost never gets an answer.
 *
 * @throws {NativeError} when the limit has passed; the work itself continues, and its result is ignored
 */
export async function within<T>(
  limit: { ms: number; what: string; advice: string },
  work: Promise<T>,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const { ms, what, advice } = limit;
  const seconds = ms / 1_000;
  const timer = setTimeout(
    () => reject(new NativeError(`${what} did not end within ${seconds} s. ${advice}`)),
    ms,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
