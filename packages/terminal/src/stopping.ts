/**
 * A signal for a command that runs until it is told to stop: by Ctrl-C, by SIGTERM, or because nobody
 * reads its output any more (`| head`). A second Ctrl-C ends the process at once.
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

/** Writes to standard output, and waits while its reader is slower; not for one that has gone. */
export async function print(text: string, stopping: AbortSignal): Promise<void> {
  if (stopping.aborted || text === "" || process.stdout.write(text)) return;
  const drained = Promise.withResolvers<void>();
  const settle = () => drained.resolve();
  process.stdout.once("drain", settle);
  stopping.addEventListener("abort", settle, { once: true });
  await drained.promise;
}

/** One key press comes twice under npm: from the terminal, and handed on by npm itself. */
const SAME_KEY_PRESS_MS = 500;

/** A signal that the first Ctrl-C gives, for work that ends in order; a second one ends the process. */
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
