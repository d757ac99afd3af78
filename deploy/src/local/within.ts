import { NativeError } from "@fiberstream/local-stack/native/native-error";
import { withTimeout } from "@fiberstream/runtime/with-timeout";

/**
 * Waits for work with a time limit, so that no start hangs: a request that a backing service lost never gets an answer.
 *
 * @throws {NativeError} when the limit has passed; the work itself continues, and its result is ignored
 */
export function within<T>(
  limit: { ms: number; what: string; advice: string },
  work: Promise<T>,
): Promise<T> {
  const { ms, what, advice } = limit;
  const late = () => new NativeError(`${what} did not end within ${ms / 1_000} s. ${advice}`);
  return withTimeout(work, { maxWaitMs: ms, late });
}
