import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import { type PgPool, query } from "./pool.ts";

const RETRY_MS = 60_000;

/**
 * Records in `service_versions` that a process of this version has started, for the time line of changes. Nothing waits for
 * it: while the database is unavailable, or has no such table yet, it is retried every minute.
 */
export function recordServiceVersion(options: {
  pool: PgPool;
  service: string;
  version: string;
  life: Life;
  log: Log;
}): void {
  const { pool, service, version, life, log } = options;
  let isRecorded = false;
  const task = createRepeatedTask({
    name: "record version",
    work: async () => {
      if (isRecorded) return;
      await query(pool, "SELECT record_service_version($1, $2)", [service, version]);
      isRecorded = true;
    },
    intervalMs: RETRY_MS,
    startsAtOnce: true,
    log,
  });
  task.begin();
  life.own(task, (owned) => owned.end());
}
