import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import { Counter, type Registry } from "prom-client";

/** Notes that a key was used. Called for each request: it writes nothing. */
export type NoteUse = (keyId: string) => void;

const WRITE_EVERY_MS = 60_000;
/** Keys that are noted between two writes. More of them are left out until the next write. */
const MAX_NOTED = 20_000;
/** In one statement. */
const MAX_WRITTEN = 1_000;

/** Of every process, also of one that knows no keys: a metric that comes and goes tells nothing. */
export const createKeyUseFailures = (registry: Registry): Counter =>
  new Counter({
    name: "fiberstream_key_use_failures_total",
    help: "Writes of when keys were last used that failed and are retried a minute later: PostgreSQL is unavailable, or not migrated. Meanwhile a key may look unused that is in use",
    registers: [registry],
  });

/**
 * Writes when keys were last used: once a minute for all keys that were used in it, so that a request costs no write. While
 * the database is unavailable the keys stay noted.
 */
export function startKeyUses(options: {
  pool: PgPool;
  failures: Counter;
  /** Default: a minute. */
  writeEveryMs?: number;
  life: Life;
  log: Log;
}): NoteUse {
  const { pool, failures, writeEveryMs = WRITE_EVERY_MS, life, log } = options;
  const noted = new Set<string>();

  const write = async () => {
    const used = [...noted];
    for (let from = 0; from < used.length; from += MAX_WRITTEN) {
      const part = used.slice(from, from + MAX_WRITTEN);
      // Before the write: a use meanwhile is of the next one.
      for (const keyId of part) noted.delete(keyId);
      try {
        await query(pool, "SELECT record_key_uses($1::text[])", [part]);
      } catch (error) {
        for (const keyId of part) noted.add(keyId);
        failures.inc();
        throw error;
      }
    }
  };
  const writing = createRepeatedTask({
    name: "record uses of keys",
    work: write,
    intervalMs: writeEveryMs,
    log,
  });
  life.own(writing, async (owned) => {
    await owned.end();
    // What was used since the last write; without the database it is lost, and the next use is recorded.
    await write().catch(() => undefined);
  });
  writing.begin();
  return (keyId) => {
    if (noted.size < MAX_NOTED) noted.add(keyId);
  };
}
