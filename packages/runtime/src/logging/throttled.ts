/**
 * Returns a function that calls `report` at most once in `everyMs`, so that clients cannot flood the log.
 *
 * @param report gets the newest value, and the number of calls since the last report
 */
export function throttled<T>(
  report: (newest: T, times: number) => void,
  {
    everyMs = 10_000,
    now = () => performance.now(),
  }: { everyMs?: number; now?: () => number } = {},
): (newest: T) => void {
  let times = 0;
  let silentUntil = -Infinity;
  return (newest) => {
    times++;
    if (now() < silentUntil) return;
    silentUntil = now() + everyMs;
    report(newest, times);
    times = 0;
  };
}
