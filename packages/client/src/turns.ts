import { TransientError } from "@fiberstream/runtime/errors";

/** Lets so many of what it is given run at once; the others wait for their turn, in order. */
export type Turns = <T>(options: {
  work: () => Promise<T>;
  /** Aborted when it is no longer ours to do. */
  owned: AbortSignal | undefined;
}) => Promise<T>;

/**
 * @param over aborted when nothing is to be begun any more
 * @returns rejects with a {TransientError} what is no longer ours when its turn comes: another does it meanwhile,
 *   and is further perhaps; and what nobody takes any more
 */
export function createTurns(atOnce: number, over: AbortSignal): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async ({ work, owned }) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      if (over.aborted) throw new TransientError("kafka", "the group is being left");
      if (owned?.aborted) throw new TransientError("kafka", "the partition is another's now");
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
