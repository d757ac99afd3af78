import { messageOf } from "@fiberstream/runtime/errors";
import { until } from "@fiberstream/testkit/until";
import type { Ledger } from "../load/ledger.ts";

/** How many events the console counts, in each of three ways: each has to be the number of rows. */
export type ConsoleCounts = {
  /** Rows of the export. */
  readonly exported: number;
  /** From the roll-ups, as one figure and as a series. */
  readonly summary: number;
  readonly series: number;
};

/** Roll-ups follow the rows within seconds; a worker that was killed leaves its marks to another one. */
const ROLLED_UP_TIMEOUT_MS = 60_000;

/**
 * Asks the console for the number of all events, after the last row was written.
 * @returns the last counts if the roll-ups do not reach the rows in time
 * @throws {Error} when the console does not answer
 */
export async function askConsole(console: URL, ledger: Ledger): Promise<ConsoleCounts> {
  const oldestMicros = Math.min(...ledger.nodes.map(({ micros }) => micros[0] ?? Infinity));
  const from = new Date(Math.floor(oldestMicros / 1_000)).toISOString();
  const exported = await countExported(new URL(`/api/v1/export?from=${from}`, console));
  let counts: ConsoleCounts = { exported, summary: -1, series: -1 };
  const isWhole = async () => {
    const summary = await events(new URL(`/api/v1/summary?from=${from}`, console));
    const series = await events(new URL(`/api/v1/series?from=${from}&stats=events`, console));
    counts = { exported, summary, series };
    return summary === exported && series === exported;
  };
  await until(isWhole, {
    what: "the roll-ups have all rows",
    timeoutMs: ROLLED_UP_TIMEOUT_MS,
  }).catch((error: unknown) => {
    if (counts.summary < 0) throw new Error(`the console does not answer: ${messageOf(error)}`);
  });
  return counts;
}

/** Longer than the line that ends an export. */
const LAST_LINE_CHARACTERS = 200;

async function countExported(url: URL): Promise<number> {
  const answer = await fetch(url);
  let end = "";
  const texts = answer.body?.pipeThrough(new TextDecoderStream()) ?? [];
  for await (const text of texts) end = (end + text).slice(-LAST_LINE_CHARACTERS);
  const [, rows] = /^# end: (\d+) rows$/m.exec(end) ?? [];
  if (rows === undefined) throw new Error(`${url.href} answers ${answer.status} without its end`);
  return Number(rows);
}

type Body = {
  data: { events?: number | null } | { series: { values: { events: (number | null)[] } }[] };
};

async function events(url: URL): Promise<number> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.href} answers ${answer.status}`);
  const { data } = (await answer.json()) as Body;
  if (!("series" in data)) return data.events ?? 0;
  return data.series
    .flatMap(({ values }) => values.events)
    .reduce<number>((sum, count) => sum + (count ?? 0), 0);
}
