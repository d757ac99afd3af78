/**
 * Returns a signal for a command that runs until it is stopped: by Ctrl-C, by SIGTERM, or because the reader of its
 * output has ended (`| head`). A second Ctrl-C ends the process at once.
 */
export function untilStopped(): AbortSignal {
  const ending = new AbortController();
  const end = () => ending.abort();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    end();
  });
  return ending.signal;
}

/** Writes to standard output, and waits if its reader is slower, but not if the reader has ended. */
export async function print(text: string, stopping: AbortSignal): Promise<void> {
  if (stopping.aborted || text === "" || process.stdout.write(text)) return;
  const drained = Promise.withResolvers<void>();
  const settle = () => drained.resolve();
  process.stdout.once("drain", settle);
  stopping.addEventListener("abort", settle, { once: true });
  await drained.promise;
}

/** Under npm one key press arrives twice: from the terminal, and forwarded by npm. */
const SAME_KEY_PRESS_MS = 500;

/** Returns a signal that the first Ctrl-C aborts, so that work ends in order. A second Ctrl-C ends the process. */
export function stopOnCtrlC(): AbortSignal {
  const stop = new AbortController();
  let firstMs = Infinity;
  process.on("SIGINT", () => {
    if (performance.now() - firstMs > SAME_KEY_PRESS_MS) process.exit(130);
    if (!stop.signal.aborted) firstMs = performance.now();
    stop.abort();
  });
  return stop.signal;
}
