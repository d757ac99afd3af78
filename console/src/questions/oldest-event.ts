import type { Ask } from "./ask.ts";
import { ownStatement } from "./statement.ts";

/** @returns a time before which there is no event; undefined when there is none at all */
export type OldestEvent = () => Promise<Date | undefined>;

/** Reads the beginning of the oldest chunk, which takes no time, while the oldest row would need a scan. */
export const createOldestEvent =
  (ask: Ask): OldestEvent =>
  async () => {
    // The same for everybody: it says nothing about a tenant's events.
    const [row] = await ask<{ oldest: Date | null }>(
      ownStatement(
        () =>
          "SELECT min(range_start) AS oldest FROM timescaledb_information.chunks WHERE hypertable_name = 'metrics'",
      ),
    );
    return row?.oldest ?? undefined;
  };
