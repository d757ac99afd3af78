import { messageOf } from "../errors.ts";
import type { Log } from "../logging/log.ts";

export type RepeatedTask = {
  begin: () => void;
  /** Waits for the run in progress. */
  end: () => Promise<void>;
};

/**
 * Runs work at an interval, one run at a time; after a failure it waits for the next interval.
 *
 * @param options.startsAtOnce runs the work immediately, instead of after the first interval
 */
export function createRepeatedTask(options: {
  name: string;
  work: () => Promise<void>;
  intervalMs: number;
  startsAtOnce?: boolean;
  log: Log;
}): RepeatedTask {
  const { name, work, intervalMs, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const runNow = async () => {
    try {
      await work();
    } catch (error) {
      log.warn(
        { task: name, reason: messageOf(error) },
        "periodic task failed, retrying at the next interval",
      );
    }
  };
  const run = () => {
    running ??= runNow().finally(() => (running = undefined));
  };
  return {
    begin: () => {
      if (options.startsAtOnce) run();
      timer = setInterval(run, intervalMs);
    },
    end: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
