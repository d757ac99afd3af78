import type { Quantiles } from "../../harness/quantiles.ts";

/** The plan for the process that sends the load. */
export type LoadPlan = {
  readonly gatewayUrls: readonly string[];
  readonly eventsPerRequest: number;
  readonly nodes: number;
  readonly connections: number;
  /** Warm-up before the measurement. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly pace: LoadPace;
  /** Database in which the rows of some events are searched; undefined: none. */
  readonly databaseUrl: string | undefined;
};

/** When requests are sent. */
export type LoadPace =
  /** A connection sends its next request after the last answer, as long as at most so many events have no row yet. */
  | { readonly kind: "closed"; readonly eventsAhead: number }
  /** At a fixed rate, independent of the answers. */
  | { readonly kind: "open"; readonly eventsPerSecond: number };

/** Messages of the load's process. */
export type LoadMessage =
  | { readonly kind: "accepted"; readonly events: number }
  | { readonly kind: "measuring" }
  | { readonly kind: "measured" }
  | { readonly kind: "result"; readonly result: LoadResult };

/** Messages to the load's process: the current number of rows. */
export type LoadNews = { readonly rows: number };

export type LoadResult = {
  /** Accepted events, including the warm-up. */
  readonly accepted: number;
  /** Accepted events of the measured time. */
  readonly acceptedMeasured: number;
  readonly seconds: number;
  /** Events that were not accepted, by status of the answer. */
  readonly refused: Readonly<Record<string, number>>;
  /** Time from when a request was due to its answer. */
  readonly answer: Quantiles;
  /** Time from the answer to the row, of the events whose rows were searched. */
  readonly rowAfterAnswer: Quantiles;
  /** Time from when a request was due to the row. */
  readonly rowAfterDue: Quantiles;
};
