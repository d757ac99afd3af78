import { Refusal } from "../answers/refusal.ts";

const MINUTE_MS = 60_000;

/** The widths of the roll-ups, the finest first. */
export const WIDTHS = [
  { name: "1m", ms: MINUTE_MS },
  { name: "5m", ms: 5 * MINUTE_MS },
  { name: "1h", ms: 60 * MINUTE_MS },
  { name: "1d", ms: 1_440 * MINUTE_MS },
] as const;
export type Width = (typeof WIDTHS)[number];
export const WIDTH_NAMES = ["1m", "5m", "1h", "1d"] as const;
export type WidthName = Width["name"];

/** How a range is cut into buckets: steps of whole multiples of a roll-up's width, aligned to UTC. */
export type Resolution = {
  readonly width: Width;
  readonly stepMs: number;
  readonly from: Date;
  /** Not included. */
  readonly to: Date;
  readonly warnings: readonly string[];
};

/**
 * Chooses the finest roll-up that reaches back to the range's beginning and has at most `maxPoints` buckets in it; if none
 * has, the coarsest one in steps of several buckets.
 *
 * @param options.keptSince since when each roll-up is kept
 * @param options.comparedMs the same range so long before is read, too
 * @param options.forced uses this roll-up
 * @throws {Refusal} TOO_MANY_POINTS when the forced one has more buckets
 */
export function chooseResolution(options: {
  from: Date;
  to: Date;
  maxPoints: number;
  keptSince: (width: WidthName) => Date | undefined;
  comparedMs?: number | undefined;
  forced?: WidthName | undefined;
}): Resolution {
  const { from, to, maxPoints, keptSince, comparedMs = 0, forced } = options;
  if (to <= from) throw new Refusal("INVALID_PARAMETER", "to: must be after from");
  const spanMs = to.getTime() - from.getTime();
  const [finest] = WIDTHS;
  const coarsest = WIDTHS.at(-1) ?? finest;
  const fits = (width: Width) => Math.ceil(spanMs / width.ms) <= maxPoints;
  const firstRead = new Date(from.getTime() - comparedMs);
  const warningsOf = (width: Width) => keptWarnings(width, { from: firstRead, keptSince });

  const wanted = WIDTHS.find(({ name }) => name === forced);
  if (wanted !== undefined && !fits(wanted)) {
    const which = WIDTHS.find(fits)?.name;
    throw new Refusal(
      "TOO_MANY_POINTS",
      `${forced} has ${Math.ceil(spanMs / wanted.ms)} buckets in this range, and max_points is ${maxPoints}: ${which === undefined ? "ask for a shorter range" : `ask for resolution=${which}`}`,
    );
  }
  const width =
    wanted ?? WIDTHS.find((each) => fits(each) && warningsOf(each).length === 0) ?? coarsest;
  const stepMs = width.ms * Math.max(1, Math.ceil(spanMs / (width.ms * maxPoints)));
  const alignedFrom = new Date(Math.floor(from.getTime() / stepMs) * stepMs);
  return {
    width,
    stepMs,
    from: alignedFrom,
    to: new Date(Math.ceil(to.getTime() / stepMs) * stepMs),
    warnings: warningsOf(width),
  };
}

/** Returns the warning that a roll-up does not reach back to a time, or none. */
export function keptWarnings(
  { name }: Width,
  { from, keptSince }: { from: Date; keptSince: (width: WidthName) => Date | undefined },
): string[] {
  const since = keptSince(name);
  if (since === undefined || since <= from) return [];
  return [
    `what is older than ${since.toISOString()} is not kept at this resolution, or only of nodes that send often`,
  ];
}
