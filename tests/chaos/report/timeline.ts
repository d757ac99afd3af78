import type { FaultKind } from "../faults/fault-kinds.ts";
import type { Sample } from "../check/watch-rows.ts";

/** A fault in the timeline; times are in ms since the load began. */
export type DrawnFault = {
  readonly kind: FaultKind;
  readonly target: string;
  readonly fromMs: number;
  readonly toMs: number;
};

const WIDTH = 1_200;
const LEFT = 110;
const RIGHT = 25;
const CHART_HEIGHT = 150;
const LANE_HEIGHT = 13;
const FIRST_CHART_TOP = 50;
const GAP = 40;
/** One point per second: the mean of the samples of that second. */
const BUCKET_MS = 1_000;

/** Draws throughput and lag over time as SVG, and the faults below, with a lane for each kind. */
export function drawTimeline(run: {
  title: string;
  startMs: number;
  samples: readonly Sample[];
  faults: readonly DrawnFault[];
}): string {
  const { samples, faults, startMs } = run;
  const endMs = Math.max(1, (samples.at(-1)?.atMs ?? startMs) - startMs);
  const x = (ms: number) => LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT);
  const points = bucketsOf(samples, startMs);
  const rates = points.map(({ acceptedRate, visibleRate }) => Math.max(acceptedRate, visibleRate));
  const maxRate = ceiling(rates);
  const maxLag = ceiling(points.map(({ lag }) => lag));
  const lagTop = FIRST_CHART_TOP + CHART_HEIGHT + GAP;
  const lanesTop = lagTop + CHART_HEIGHT + GAP;
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  const height = lanesTop + kinds.length * LANE_HEIGHT + 40;

  const line = (top: number, max: number, valueOf: (point: Point) => number, colour: string) => {
    const path = points.map((point) => {
      const y = top + CHART_HEIGHT * (1 - valueOf(point) / max);
      return `${x(point.ms).toFixed(1)},${y.toFixed(1)}`;
    });
    return `<polyline points="${path.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.2"/>`;
  };
  const bars = faults.map(({ kind, target, fromMs, toMs }) => {
    const y = lanesTop + kinds.indexOf(kind) * LANE_HEIGHT;
    const width = Math.max(2, x(toMs) - x(fromMs)).toFixed(1);
    return `<rect x="${x(fromMs).toFixed(1)}" y="${y + 2}" width="${width}" height="${LANE_HEIGHT - 4}" fill="#c0392b"><title>${escape(`${kind} ${target}`)}</title></rect>`;
  });
  const laneNames = kinds.map((kind, at) =>
    text(LEFT - 6, lanesTop + at * LANE_HEIGHT + 10, kind, 'text-anchor="end" font-size="10"'),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(LEFT, 22, run.title, 'font-size="15"'),
    frame(FIRST_CHART_TOP, maxRate, "events per second: accepted (blue), rows (green)"),
    line(FIRST_CHART_TOP, maxRate, ({ visibleRate }) => visibleRate, "#27864a"),
    line(FIRST_CHART_TOP, maxRate, ({ acceptedRate }) => acceptedRate, "#2463a8"),
    frame(lagTop, maxLag, "lag: accepted events without a row"),
    line(lagTop, maxLag, ({ lag }) => lag, "#8e44ad"),
    text(LEFT, lanesTop - 8, "faults, from start to end"),
    ...bars,
    ...laneNames,
    ...ticks(endMs, x, height),
    "</svg>\n",
  ].join("\n");
}

type Point = { ms: number; acceptedRate: number; visibleRate: number; lag: number };

function bucketsOf(samples: readonly Sample[], startMs: number): Point[] {
  const points: Point[] = [];
  let [before] = samples;
  for (const sample of samples) {
    if (before === undefined || sample.atMs - before.atMs < BUCKET_MS) continue;
    const seconds = (sample.atMs - before.atMs) / 1_000;
    points.push({
      ms: sample.atMs - startMs,
      acceptedRate: (sample.accepted - before.accepted) / seconds,
      visibleRate: (sample.visible - before.visible) / seconds,
      lag: sample.lag,
    });
    before = sample;
  }
  return points;
}

/** Returns the next of 1, 2, 5, 10, 20, ... */
function ceiling(values: readonly number[]): number {
  const max = values.reduce((a, b) => Math.max(a, b), 1);
  const power = 10 ** Math.floor(Math.log10(max));
  return ([1, 2, 5].find((step) => step * power >= max) ?? 10) * power;
}

const frame = (top: number, max: number, title: string) =>
  [
    text(LEFT, top - 6, title),
    `<path d="M${LEFT},${top}V${top + CHART_HEIGHT}H${WIDTH - RIGHT}" fill="none" stroke="#999"/>`,
    text(LEFT - 6, top + 10, max.toLocaleString("en"), 'text-anchor="end"'),
    text(LEFT - 6, top + CHART_HEIGHT, "0", 'text-anchor="end"'),
  ].join("\n");

function ticks(endMs: number, x: (ms: number) => number, height: number): string[] {
  const minutes = endMs / 60_000;
  const step = [0.25, 0.5, 1, 2, 5, 10].find((candidate) => minutes / candidate <= 12) ?? 30;
  return Array.from({ length: Math.floor(minutes / step) + 1 }, (_, at) =>
    text(x(at * step * 60_000), height - 12, `${at * step} min`, 'text-anchor="middle"'),
  );
}

const text = (x: number, y: number, content: string, more = "") =>
  `<text x="${x.toFixed(1)}" y="${y}" ${more}>${escape(content)}</text>`;

const escape = (content: string) =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
