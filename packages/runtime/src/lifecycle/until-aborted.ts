/**
 * Resolves with the promise, or with undefined as soon as the signal is aborted. The work itself continues, and its
 * outcome is then ignored. Removes its listener from the signal, which may live long.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(undefined);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}
