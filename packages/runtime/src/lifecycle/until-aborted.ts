/**
 * What the promise gives, or undefined as soon as the signal is aborted: nobody waits then for what is only asked
 * for. Leaves nothing behind at a signal that lives long.
 */
export function orAborted<T>(asked: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(undefined);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    void asked.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}
