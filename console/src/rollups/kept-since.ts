import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { Ask } from "../questions/ask.ts";
import { forEverybody } from "../questions/asking.ts";
import { ownStatement } from "../questions/statement.ts";
import type { WidthName } from "./resolution.ts";
import type { Level } from "./rollup-rows.ts";

export type KeptSince = (level: Level) => Promise<(width: WidthName) => Date | undefined>;

type Kept = {
  readonly ages: ReadonlyMap<string, number>;
  /** Before this, series with few events have no minutes; undefined if no hour is sealed. */
  readonly sealedBeforeMs: number | undefined;
};

/**
 * Returns a function that reads since when each roll-up is kept for all nodes. Hours are sealed at any moment, and an answer that does
 * not know of it would be empty: only questions of the same moment share what was read.
 */
export function createKeptSince(ask: Ask): KeptSince {
  let reading: Promise<Kept> | undefined;

  const read = async (): Promise<Kept> => {
    // The same for everybody: it says nothing about a tenant's events.
    const rows = await ask<Row>(ownStatement(() => SELECT_KEPT));
    return {
      ages: new Map(rows.map(({ relation, ms }) => [relation, ms])),
      sealedBeforeMs: rows[0]?.sealedBeforeMs ?? undefined,
    };
  };

  return async (level) => {
    reading ??= forEverybody(read).finally(() => (reading = undefined));
    const { ages, sealedBeforeMs = -Infinity } = await reading;
    return (width) => {
      const age = ages.get(`metrics_${width}`);
      const sinceMs = Math.max(
        age === undefined ? -Infinity : wallNowMs() - age,
        // Regions keep all of their minutes.
        level === "series" && width === "1m" ? sealedBeforeMs : -Infinity,
      );
      return sinceMs === -Infinity ? undefined : new Date(sinceMs);
    };
  };
}

type Row = {
  readonly relation: string;
  readonly ms: number;
  readonly sealedBeforeMs: number | null;
};

const SELECT_KEPT = `
  SELECT relation, (extract(epoch FROM drop_after) * 1000)::double precision AS ms,
         (SELECT (extract(epoch FROM nullif(sealed_before, '-infinity')) * 1000)::double precision FROM rollup_state)
           AS "sealedBeforeMs"
  FROM data_lifecycle`;
