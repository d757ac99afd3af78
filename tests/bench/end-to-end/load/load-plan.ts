import type { Quantiles } from "../../harness/quantiles.ts";

/** What the load's process is told as it starts. */
export type LoadPlan = {
  readonly gatewayUrls: readonly string[];
  readonly eventsPerRequest: number;
  readonly nodes: number;
  readonly connections: number;
  /** Sent before anything is measured. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly pace: LoadPace;
  /** Where the rows of some of the events are looked for; undefined: nowhere. */
  readonly databaseUrl: string | undefined;
};

/** How requests follow each other. */
export type LoadPace =
  /** The next one when the last one is answered, as long as no more events than this have no row yet. */
  | { readonly kind: "closed"; readonly eventsAhead: number }
  /** Evenly spread, whatever becomes of them. */
  | { readonly kind: "open"; readonly eventsPerSecond: number };

/** What it tells as it goes. */
export type LoadMessage =
  | { readonly kind: "accepted"; readonly events: number }
  | { readonly kind: "measuring" }
  | { readonly kind: "measured" }
  | { readonly kind: "result"; readonly result: LoadResult };

/** What it is told as it goes: how many rows there are. */
export type LoadNews = { readonly rows: number };

export type LoadResult = {
  /** Of the whole time, the warm-up too. */
  readonly accepted: number;
  /** Of the time that is measured. */
  readonly acceptedMeasured: number;
  readonly seconds: number;
  /** Events that were not accepted, by the answer's status. */
  readonly refused: Readonly<Record<string, number>>;
  /** Time from when a request was due to its answer. */
  readonly answer: Quantiles;
  /** From the answer to the row, of the events that were looked for. */
  readonly rowAfterAnswer: Quantiles;
  /** From when a request was due to the row. */
  readonly rowAfterDue: Quantiles;
};
