import { TransientError } from "@fiberstream/runtime/errors";

/** Runs a limited number of tasks at once; the others wait for their turn, in order. */
export type Turns = <T>(options: {
  work: () => Promise<T>;
  /** Aborted when this member has lost the task's partition. */
  owned: AbortSignal | undefined;
}) => Promise<T>;

/**
 * Creates a queue of tasks. A task is rejected with a TransientError if its partition was lost before its turn (another
 * member processes it now), or if `over` is aborted.
 *
 * @param over aborted when no more tasks must be started
 */
export function createTurns(atOnce: number, over: AbortSignal): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async ({ work, owned }) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      if (over.aborted) throw new TransientError("kafka", "the member is leaving the group");
      if (owned?.aborted) throw new TransientError("kafka", "another member has the partition now");
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
