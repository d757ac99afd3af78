/**
 * Calls `say` at most once in `everyMs`, however often it is called: what outsiders can trigger must not fill the log.
 *
 * @param say is given the newest, and how many there were since it last spoke
 */
export function throttled<T>(
  say: (newest: T, times: number) => void,
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
    say(newest, times);
    times = 0;
  };
}
