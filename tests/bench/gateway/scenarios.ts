/** One way of sending events. */
export type Scenario = {
  readonly name: string;
  /** Events per request; 1: to /api/push. */
  readonly eventsPerRequest: number;
  readonly isCompressed: boolean;
  /** Connections, each with one request in flight. */
  readonly connections: number;
};

export const SCENARIOS: readonly Scenario[] = [
  { name: "single", eventsPerRequest: 1, isCompressed: false, connections: 128 },
  { name: "batch-100", eventsPerRequest: 100, isCompressed: false, connections: 16 },
  { name: "batch-500", eventsPerRequest: 500, isCompressed: false, connections: 8 },
  { name: "gzip-500", eventsPerRequest: 500, isCompressed: true, connections: 8 },
];

/** The plan of the driver's process, as JSON. */
export type Drive = Scenario & {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly seconds: number;
  /** Requests per second, evenly distributed; undefined: as fast as answers arrive. */
  readonly rate: number | undefined;
};

/** The results of the driver's process, as JSON. */
export type Driven = {
  readonly requests: number;
  readonly seconds: number;
  /** Number of answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Time from a request's first byte (at a rate: from when it was due) to the answer's last byte, in ms. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
};
