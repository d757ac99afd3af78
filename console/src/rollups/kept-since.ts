import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { Ask } from "../questions/ask.ts";
import { platformStatement } from "../questions/statement.ts";
import type { WidthName } from "./resolution.ts";

export type KeptSince = () => Promise<(width: WidthName) => Date | undefined>;

/** The settings of retention change with a migration step only. */
const READ_EVERY_MS = 60_000;

/** Reads since when each roll-up is kept for all nodes, at most once a minute. */
export function createKeptSince(ask: Ask): KeptSince {
  let known:
    { readonly atMs: number; readonly ages: Promise<ReadonlyMap<string, number>> } | undefined;

  const read = async () => {
    // The same for everybody: it says nothing about a tenant's events.
    const lifecycle = platformStatement(
      { tenants: "all" },
      () =>
        "SELECT relation, (extract(epoch FROM drop_after) * 1000)::double precision AS ms FROM data_lifecycle",
    );
    const rows =
      lifecycle === undefined ? [] : await ask<{ relation: string; ms: number }>(lifecycle);
    return new Map(rows.map(({ relation, ms }) => [relation, ms]));
  };

  return async () => {
    const atMs = performance.now();
    if (known === undefined || atMs - known.atMs > READ_EVERY_MS) {
      const ages = read();
      known = { atMs, ages };
      ages.catch(() => (known = undefined));
    }
    const ages = await known.ages;
    return (width) => {
      const [age, rowsAge] = [ages.get(`metrics_${width}`), ages.get("metrics")];
      if (age === undefined) return undefined;
      // Minutes of nodes that send about one event in each are answered from their rows, as long as these are there.
      const isOfRows = width === "1m" && rowsAge !== undefined;
      return new Date(wallNowMs() - (isOfRows ? Math.min(age, rowsAge) : age));
    };
  };
}
