import { Client } from "pg";

const PUBLISH_TIMEOUT_MS = 30_000;

/** Counts the rows of events that were stored before with other content. */
export const countConflicts = (databaseUrl: string): Promise<number> =>
  count(databaseUrl, "SELECT count(*)::int AS count FROM metric_conflicts");

/** Counts the nodes that have rows in `metrics` and none in `nodes`. */
export const countMissingNodes = (databaseUrl: string): Promise<number> =>
  count(
    databaseUrl,
    `SELECT count(*)::int AS count FROM (SELECT DISTINCT node_id FROM metrics) AS reporting
      WHERE NOT EXISTS (SELECT FROM nodes WHERE nodes.node_id = reporting.node_id)`,
  );

/** Counts unpublished nodes, after giving the publisher time. */
export async function countUnpublished(databaseUrl: string): Promise<number> {
  const giveUpAt = performance.now() + PUBLISH_TIMEOUT_MS;
  for (;;) {
    const left = await count(
      databaseUrl,
      "SELECT count(*)::int AS count FROM nodes WHERE published_revision < revision",
    );
    if (left === 0 || performance.now() > giveUpAt) return left;
  }
}

/** Returns the sum of the sinks' offsets: it is the same for as long as no sink has written anything. */
export const sumOfSinkOffsets = (databaseUrl: string): Promise<number> =>
  count(databaseUrl, "SELECT coalesce(sum(next_offset), 0)::int AS count FROM sink_offsets");

async function count(databaseUrl: string, sql: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<{ count: number }>(sql)).rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}
