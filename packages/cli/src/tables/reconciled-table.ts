import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { Finding, Verdict } from "@fiberstream/reconciliation/judge-minute";

/** The counts of a minute for one partition, or for all together if `partition` is null. */
export type Equation = {
  readonly minute: Date;
  readonly partition: number | null;
  readonly raw: number;
  readonly enriched: number;
  readonly repeats: number;
  readonly dead: number;
  readonly sink_read: number;
  readonly rows: number;
  readonly sink_repeats: number;
  readonly conflicts: number;
  readonly sink_dead: number;
};

export type ReconciledMinute = {
  readonly minute: Date;
  /** Null while the minute is not reconciled. */
  readonly verdict: Verdict | null;
  readonly unaccounted: number;
  readonly findings: readonly Finding[];
  readonly equations: readonly Equation[];
};

/**
 * Returns the minutes from `from` to before `to`, with the counts of each partition.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function reconciledMinutes(
  pool: PgPool,
  { from, to }: { from: Date; to: Date },
): Promise<ReconciledMinute[]> {
  const verdicts = await query<Omit<ReconciledMinute, "equations">>(pool, SELECT_VERDICTS, [
    from,
    to,
  ]);
  const equations = await query<Equation>(pool, SELECT_EQUATIONS, [from, to]);
  const byMinute = Map.groupBy(equations, ({ minute }) => minute.getTime());
  return verdicts.map((one) => ({
    minute: one.minute,
    verdict: one.verdict,
    unaccounted: one.unaccounted,
    findings: one.findings,
    equations: byMinute.get(one.minute.getTime()) ?? [],
  }));
}

const SELECT_VERDICTS = `
  SELECT minute, verdict, coalesce(unaccounted, 0)::float8 AS unaccounted,
         coalesce(findings, '[]') AS findings
  FROM (
    SELECT DISTINCT minute FROM reconciliation_books
    UNION SELECT minute FROM reconciled_minutes
  ) AS known
  LEFT JOIN reconciled_minutes USING (minute)
  WHERE minute >= $1 AND minute < $2
  ORDER BY minute`;

const SELECT_EQUATIONS = `
  SELECT minute, partition,
         coalesce(sum(read_count + dead) FILTER (WHERE stage = 'processor'), 0)::float8 AS raw,
         coalesce(sum(written_count) FILTER (WHERE stage = 'processor'), 0)::float8 AS enriched,
         coalesce(sum(left_out_count) FILTER (WHERE stage = 'processor'), 0)::float8 AS repeats,
         coalesce(sum(dead) FILTER (WHERE stage = 'processor'), 0)::float8 AS dead,
         coalesce(sum(read_count) FILTER (WHERE stage = 'sink'), 0)::float8 AS sink_read,
         coalesce(sum(written_count) FILTER (WHERE stage = 'sink'), 0)::float8 AS rows,
         coalesce(sum(left_out_count - conflicts - refused) FILTER (WHERE stage = 'sink'), 0)::float8
           AS sink_repeats,
         coalesce(sum(conflicts) FILTER (WHERE stage = 'sink'), 0)::float8 AS conflicts,
         coalesce(sum(dead + refused) FILTER (WHERE stage = 'sink'), 0)::float8 AS sink_dead
  FROM reconciliation_books
  WHERE minute >= $1 AND minute < $2
  GROUP BY GROUPING SETS ((minute, partition), (minute))
  ORDER BY minute, partition NULLS FIRST`;
