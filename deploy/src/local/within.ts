import { NativeError } from "@fiberstream/local-stack/native/native-error";

/**
 * Gives up waiting, so that no start hangs: a request that a backing service lost has no answer, ever.
 *
 * @throws {NativeError} what did not come in time; the work itself goes on unheard
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
