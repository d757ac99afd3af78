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
