import { type PgPool, query } from "@fiberstream/postgres/pool";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";

const EVERY_MS = 5_000;

/** Keeps the check of /readyz: the console is of no use without the database. */
export function watchDatabase(options: { pool: PgPool; check: Check; log: Log }): RepeatedTask {
  const { pool, check, log } = options;
  const watch = createRepeatedTask({
    name: "check the database",
    work: async () => {
      try {
        await query(pool, "SELECT 1");
        check.ok();
      } catch (error) {
        check.failing(messageOf(error));
      }
    },
    intervalMs: EVERY_MS,
    startsAtOnce: true,
    log,
  });
  watch.begin();
  return watch;
}
