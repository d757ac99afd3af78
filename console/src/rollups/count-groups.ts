import type { TenantScope } from "../access/scope.ts";
import type { Ask } from "../questions/ask.ts";
import { statement } from "../questions/statement.ts";
import { type Filter, filterConditions } from "./filter.ts";

/**
 * Counts the groups that the series of a question make, before anything is read of them.
 *
 * @param options.columns of the series by which they are grouped
 * @param options.from only series that have a day in the range count, or none at all yet: those are new
 */
export async function countGroups(
  ask: Ask,
  scope: TenantScope,
  options: { columns: readonly string[]; filter: Filter; from: Date; to: Date },
): Promise<number> {
  const { columns, filter, from, to } = options;
  if (columns.length === 0) return 1;
  const [row] = await ask<{ groups: number }>(
    statement(scope, ({ value, visible }) => {
      const conditions = [visible("tenant", "node_id"), ...filterConditions(filter, value)];
      const day = "FROM metrics_series_1d AS days WHERE days.series_id = series.series_id";
      return `SELECT count(*)::double precision AS groups FROM (
                SELECT DISTINCT ${columns.join(", ")} FROM rollup_series AS series
                WHERE ${conditions.join(" AND ")}
                  AND (EXISTS (SELECT ${day} AND days.bucket > ${value(from)}::timestamptz - interval '1 day'
                                 AND days.bucket < ${value(to)})
                       OR NOT EXISTS (SELECT ${day}))
              ) AS groups`;
    }),
  );
  return row?.groups ?? 0;
}
