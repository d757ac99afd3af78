import type { PgClient } from "@fiberstream/postgres/pool";
import { postgresFailure } from "@fiberstream/postgres/postgres-errors";
import type { Rows } from "../rows/row-buffer.ts";

type InsertedRows = {
  readonly rows: Pick<Rows, "count" | "nodeIdOf" | "timeOf">;
  readonly result: {
    readonly refused: { readonly has: (row: number) => boolean };
    readonly leftOut: readonly number[];
  };
};

/** Session setting by which the sink says that it marks what it inserts: see the trigger `rollup_note_insert`. */
export const MARKS_BY_WRITER = { "fiberstream.marks": "by-writer" } as const;

const MICROS_PER_MINUTE = 60_000_000;
/** PostgreSQL's integer has the minutes of about 4,000 years. */
const MAX_MINUTE = 1_067_000_000;

/**
 * Marks the nodes and minutes of inserted rows, in the rows' own transaction, so that their roll-ups are computed again.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function markRollUps(
  client: PgClient,
  inserted: readonly InsertedRows[],
): Promise<void> {
  const nodes: string[] = [];
  const minutes: number[] = [];
  for (const [minute, nodesOfMinute] of nodesByMinute(inserted)) {
    for (const node of nodesOfMinute) {
      nodes.push(node);
      minutes.push(minute);
    }
  }
  if (nodes.length === 0) return;
  try {
    await client.query({ name: "mark-roll-ups", text: MARK, values: [nodes, minutes] });
  } catch (error) {
    throw postgresFailure(error);
  }
}

function nodesByMinute(inserted: readonly InsertedRows[]): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>();
  for (const { rows, result } of inserted) {
    const leftOut = new Set(result.leftOut);
    for (let row = 0, count = rows.count(); row < count; row++) {
      if (leftOut.has(row) || result.refused.has(row)) continue;
      const minute = Math.floor(rows.timeOf(row) / MICROS_PER_MINUTE);
      if (!(Math.abs(minute) < MAX_MINUTE)) continue;
      const nodes = found.get(minute);
      if (nodes === undefined) found.set(minute, new Set([rows.nodeIdOf(row)]));
      else nodes.add(rows.nodeIdOf(row));
    }
  }
  return found;
}

// A minute that has not ended is due at its end; one far ahead, by a wrong clock, in a minute.
const MARK = `
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  SELECT 1, due_at, count(*), min(minute), max(minute), array_agg(node), array_agg(minute)
  FROM (
    SELECT node, minute,
           CASE
             WHEN minute < current_minute THEN now()
             WHEN minute = current_minute THEN to_timestamp((minute + 1) * 60::bigint)
             ELSE now() + interval '1 minute'
           END AS due_at
    FROM unnest($1::text[], $2::integer[]) AS pair (node, minute)
    CROSS JOIN (SELECT floor(extract(epoch FROM now()) / 60)::integer AS current_minute) AS clock
  ) AS pairs
  GROUP BY due_at`;
