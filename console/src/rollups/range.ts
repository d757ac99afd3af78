import type { Ask } from "../questions/ask.ts";
import type { TenantScope } from "../access/scope.ts";
import { statement, type Statement } from "../questions/statement.ts";
import type { Edges, ReadEdges } from "./edges.ts";
import { type Filter, filterConditions } from "./filter.ts";
import type { KeptSince } from "./kept-since.ts";
import { chooseResolution, type Resolution, type WidthName } from "./resolution.ts";
import { type Level, NODE_COLUMN, rollupRows } from "./rollup-rows.ts";
import { isPending } from "./validity.ts";

/**
 * How many buckets a question about a whole range may read of each node: more would only make its ends more exact.
 */
const BUCKETS_OF_RANGE = 150;

/** A range of which one figure is wanted, not a series. */
export type Range = {
  readonly resolution: Resolution;
  readonly edges: Edges;
  readonly level: Level;
  /** Since when each roll-up is kept. */
  readonly keptSince: (width: WidthName) => Date | undefined;
};

/** Chooses the roll-up for a whole range: from 150 minutes on the 5 minutes, from 12 hours on the hours, from 6 days on the days. */
export async function chooseRange(
  { from, to, level }: { from: Date; to?: Date | undefined; level: Level },
  { keptSince, readEdges }: { keptSince: KeptSince; readEdges: ReadEdges },
): Promise<Range> {
  const edges = await readEdges();
  const end = to ?? new Date(Math.floor(edges.nowMs / 1_000) * 1_000);
  const kept = await keptSince(level);
  const chosen = chooseResolution({ from, to: end, maxPoints: BUCKETS_OF_RANGE, keptSince: kept });
  // The step is that of a series; here each bucket of the roll-up counts by itself.
  const { ms } = chosen.width;
  const resolution = {
    ...chosen,
    stepMs: ms,
    from: new Date(Math.floor(from.getTime() / ms) * ms),
    to: new Date(Math.ceil(end.getTime() / ms) * ms),
  };
  return { resolution, edges, level, keptSince: kept };
}

type RangeMeta = {
  readonly from: string;
  readonly to: string;
  readonly source: string;
  /** Whether no late events of the range wait to be counted. */
  readonly complete: boolean;
  readonly warnings: readonly string[];
};

/** Waits for the rows of an answer, and returns what it says about the range that was really read, too. */
export async function answerOfRange<Row>(
  ask: Ask,
  { resolution, edges, level }: Range,
  asked: Promise<Row[]>,
): Promise<{ rows: Row[]; pending: boolean; meta: RangeMeta }> {
  const [rows, pending] = await Promise.all([asked, isPending(ask, resolution, edges)]);
  const meta = {
    from: resolution.from.toISOString(),
    to: resolution.to.toISOString(),
    source: `metrics_${level}_${resolution.width.name}`,
    complete: !pending,
    warnings: resolution.warnings,
  };
  return { rows, pending, meta };
}

/** Makes a question over the additive rows of a range; `build` gets them as the FROM item `additive`. */
export const rangeStatement = (
  scope: TenantScope,
  { resolution, edges, level }: Range,
  asked: {
    filter: Filter;
    build: (parts: { additive: string; value: (value: unknown) => string }) => string;
  },
): Statement =>
  statement(scope, ({ value, visible }) => {
    const { from, to, width } = resolution;
    const conditions = [
      visible("tenant", NODE_COLUMN[level]),
      ...filterConditions(asked.filter, value),
    ];
    const rows = rollupRows({ level, width, from, to, edges, value, conditions });
    return asked.build({ additive: `(${rows}) AS additive`, value });
  });
