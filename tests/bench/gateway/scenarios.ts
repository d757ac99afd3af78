/** One way of sending. */
export type Scenario = {
  readonly name: string;
  /** Events in a request; 1 goes to /api/push. */
  readonly eventsPerRequest: number;
  readonly isCompressed: boolean;
  /** Each has one request under way at a time. */
  readonly connections: number;
};

export const SCENARIOS: readonly Scenario[] = [
  { name: "single", eventsPerRequest: 1, isCompressed: false, connections: 128 },
  { name: "batch-100", eventsPerRequest: 100, isCompressed: false, connections: 16 },
  { name: "batch-500", eventsPerRequest: 500, isCompressed: false, connections: 8 },
  { name: "gzip-500", eventsPerRequest: 500, isCompressed: true, connections: 8 },
];

/** What the driver's process is told, as JSON. */
export type Drive = Scenario & {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly seconds: number;
  /** Requests a second, spread evenly; undefined: as many as are answered. */
  readonly rate: number | undefined;
};

/** What it tells in the end, as JSON. */
export type Driven = {
  readonly requests: number;
  readonly seconds: number;
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** From a request's first byte (or, at a rate, from when it was due) to its answer's last, in ms. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
};
