/** Colours that people with colour blindness can distinguish (Okabe and Ito). */
const COLOURS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#999999",
  "#f0e442",
] as const;

const WIDTH = 760;
const LEFT = 190;
const RIGHT = 70;
const BAR = 22;
const TOP = 10;
const CHART_HEIGHT = 220;
const FOOT = 34;

/** Draws horizontal stacked bars, each with its sum; `parts` and the values of a bar are in the same order. */
export function drawStackedBars(chart: {
  label: string;
  unit: string;
  parts: readonly string[];
  bars: readonly { readonly name: string; readonly values: readonly number[] }[];
}): string {
  const { label, unit, parts, bars } = chart;
  const sums = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const most = Math.max(...sums, Number.MIN_VALUE);
  const width = (value: number) => (value / most) * (WIDTH - LEFT - RIGHT);
  const rows = bars.map(({ name, values }, at) => {
    const y = TOP + at * (BAR + 8);
    let x = LEFT;
    const pieces = values.map((value, part) => {
      const piece = `<rect x="${px(x)}" y="${y}" width="${px(width(value))}" height="${BAR}" fill="${colour(part)}"><title>${escape(`${parts[part]}: ${shown(value)} ${unit}`)}</title></rect>`;
      x += width(value);
      return piece;
    });
    const middle = y + BAR / 2 + 4;
    return [
      text(LEFT - 8, middle, name, "end"),
      ...pieces,
      text(x + 6, middle, shown(sums[at] ?? 0), "start"),
    ].join("");
  });
  const height = TOP + bars.length * (BAR + 8) + FOOT;
  return svg(label, height, [...rows, legend(parts, height - 12)]);
}

/** Draws lines over a common x axis, linear or logarithmic. */
export function drawLines(chart: {
  label: string;
  xLabel: string;
  scale: "linear" | "log";
  lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
}): string {
  const { label, xLabel, scale, lines } = chart;
  const points = lines.flatMap((line) => line.points);
  const project = (x: number) => (scale === "log" ? Math.log10(x) : x);
  const xs = points.map(([x]) => project(x));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const most = Math.max(...points.map(([, y]) => y), Number.MIN_VALUE);
  const atX = (x: number) =>
    LEFT + ((project(x) - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
  const atY = (y: number) => TOP + 10 + CHART_HEIGHT * (1 - y / most);
  const paths = lines.map(({ points: own }, at) => {
    const path = own.map(([x, y]) => `${px(atX(x))},${px(atY(y))}`).join(" ");
    return `<polyline points="${path}" fill="none" stroke="${colour(at)}" stroke-width="1.6"/>`;
  });
  const first = scale === "log" ? 10 ** from : from;
  const last = scale === "log" ? 10 ** to : to;
  const bottom = TOP + 10 + CHART_HEIGHT;
  const height = bottom + 20 + FOOT;
  return svg(label, height, [
    `<path d="M${LEFT},${TOP}V${bottom}H${WIDTH - RIGHT}" fill="none" stroke="#888"/>`,
    text(LEFT - 8, TOP + 14, shown(most), "end"),
    text(LEFT - 8, bottom, "0", "end"),
    text(LEFT, bottom + 16, shown(first), "middle"),
    text(WIDTH - RIGHT, bottom + 16, `${shown(last)} ${xLabel}`, "end"),
    ...paths,
    legend(
      lines.map(({ name }) => name),
      height - 12,
    ),
  ]);
}

/** Escapes text for HTML or SVG. */
export const escape = (content: string): string =>
  content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

const svg = (label: string, height: number, content: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(label)}" font-family="sans-serif" font-size="12">${content.join("")}</svg>`;

function legend(names: readonly string[], y: number): string {
  let x = LEFT;
  return names
    .map((name, at) => {
      const mark = `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour(at)}"/>${text(x + 14, y, name, "start")}`;
      x += 26 + name.length * 7;
      return mark;
    })
    .join("");
}

const text = (x: number, y: number, content: string, anchor: "start" | "middle" | "end") =>
  `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escape(content)}</text>`;

const colour = (at: number): string => COLOURS[at % COLOURS.length] ?? "#000";
const px = (value: number): string => value.toFixed(1);
/** Returns a number with three digits, the precision of a chart. */
const shown = (value: number): string =>
  value >= 1_000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
