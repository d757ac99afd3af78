import { INSTANCES, instancesOf, type Topology } from "../platform/topology.ts";

export type Trait = {
  /** Description for people. */
  readonly what: string;
  /** Possible targets, or the list of the topology that has them; one is chosen at random. */
  readonly targets: readonly string[] | keyof Topology;
  /** Duration in ms, chosen at random between the two. */
  readonly lastsMs: readonly [number, number];
  /** Frequency, relative to the other kinds. */
  readonly weight: number;
  /** How often it may occur in a run; default: without a limit. */
  readonly atMost?: number;
  /** Whether it needs several brokers. */
  readonly isOfCluster?: boolean;
  /** Whether it needs native backing services (without Docker, as root). */
  readonly needsNativeBackingServices?: boolean;
  /** Whether it occurs only if it is selected by name. */
  readonly isOptIn?: boolean;
};

/** Longer than the session timeout of a consumer (10 s), and that of a broker (9 s). */
const PAST_THE_SESSION_MS = [11_500, 15_000] as const;

export const FAULTS = {
  "kill-gateway": {
    what: "SIGKILL of a gateway, restarted after a while",
    targets: instancesOf("gateway"),
    lastsMs: [0, 3_000],
    weight: 9,
  },
  "kill-processor": {
    what: "SIGKILL of a processor, restarted after a while",
    targets: instancesOf("processor"),
    lastsMs: [0, 3_000],
    weight: 14,
  },
  "kill-sink": {
    what: "SIGKILL of a sink, restarted after a while",
    targets: instancesOf("sink"),
    lastsMs: [0, 3_000],
    weight: 14,
  },
  "kill-console": {
    what: "SIGKILL of the console, restarted after a while",
    targets: instancesOf("console"),
    lastsMs: [0, 3_000],
    weight: 2,
  },
  "freeze-gateway": {
    what: "SIGSTOP of a gateway, SIGCONT after the timeout of its senders",
    targets: instancesOf("gateway"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 2,
  },
  "freeze-processor": {
    what: "SIGSTOP of a processor, SIGCONT after the session timeout",
    targets: instancesOf("processor"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 4,
  },
  "freeze-sink": {
    what: "SIGSTOP of a sink, SIGCONT after the session timeout",
    targets: instancesOf("sink"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 4,
  },
  "freeze-console": {
    what: "SIGSTOP of the console, SIGCONT after a while",
    targets: instancesOf("console"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 1,
  },
  "restart-broker": {
    what: "a broker stops cleanly and starts again",
    targets: "brokers",
    lastsMs: [0, 3_000],
    weight: 1,
  },
  "kill-broker": {
    what: "SIGKILL of a broker, restarted after a while",
    targets: "brokers",
    lastsMs: [0, 4_000],
    weight: 2,
  },
  "freeze-broker": {
    what: "SIGSTOP of one of several brokers, SIGCONT after others have become leaders",
    targets: "brokers",
    lastsMs: PAST_THE_SESSION_MS,
    weight: 2,
    isOfCluster: true,
  },
  "kill-postgres": {
    what: "SIGKILL of PostgreSQL, restarted after a while",
    targets: ["postgres"],
    lastsMs: [0, 4_000],
    weight: 2,
  },
  "fill-disk": {
    what: "the database's volume is full for a while (as root on Linux without Docker only)",
    targets: ["postgres"],
    lastsMs: [4_000, 10_000],
    weight: 1,
    needsNativeBackingServices: true,
  },
  "fail-over-postgres": {
    what: "SIGKILL of PostgreSQL, and failover to a standby that lags by some seconds",
    targets: ["postgres"],
    lastsMs: [2_000, 6_000],
    weight: 1,
    needsNativeBackingServices: true,
  },
  "restore-postgres": {
    what: "restore of a backup while services run: one of some seconds ago, or the first one",
    targets: ["postgres", "postgres@start"],
    lastsMs: [3_000, 10_000],
    weight: 1,
    needsNativeBackingServices: true,
  },
  "stop-redis": {
    what: "Redis stops for a while",
    targets: ["redis"],
    lastsMs: [3_000, 8_000],
    weight: 1,
  },
  "freeze-redis": {
    what: "SIGSTOP of Redis: connections stay open, but get no answers",
    targets: ["redis"],
    lastsMs: [3_000, 12_000],
    weight: 1,
  },
  "flush-redis": {
    what: "FLUSHALL: all data of Redis is deleted",
    targets: ["redis"],
    lastsMs: [0, 0],
    weight: 1,
  },
  "stop-registry": {
    what: "the schema registry stops for a while",
    targets: ["registry"],
    lastsMs: [5_000, 12_000],
    weight: 1,
  },
  cut: {
    what: "connections of a link are reset, and new ones too",
    targets: "links",
    lastsMs: [2_000, 8_000],
    weight: 4,
  },
  "half-open": {
    what: "a link drops all packets silently, then its connections are reset",
    targets: "links",
    lastsMs: [4_000, 14_000],
    weight: 4,
  },
  unanswered: {
    what: "a link forwards requests and drops the answers, then its connections are reset",
    targets: "links",
    lastsMs: [1_000, 8_000],
    weight: 3,
  },
  stall: {
    what: "a link delays everything, then delivers it",
    targets: "links",
    lastsMs: [4_000, 14_000],
    weight: 4,
  },
  latency: {
    what: "a link has 400 ms more latency in each direction",
    targets: "links",
    lastsMs: [4_000, 12_000],
    weight: 2,
  },
  throttle: {
    what: "a link is limited to 16 KB/s in each direction",
    targets: "links",
    lastsMs: [4_000, 12_000],
    weight: 2,
  },
  "rolling-restart": {
    what: "rolling restart: each service process gets SIGTERM, and is replaced by a new one",
    targets: ["services"],
    lastsMs: [0, 0],
    weight: 1,
    atMost: 3,
  },
  "shift-clock": {
    what: "the clock of a service is three minutes off for a while",
    targets: INSTANCES,
    lastsMs: [6_000, 12_000],
    weight: 1,
  },
  "step-clock": {
    what: "the clock of a running service steps by an hour or a day, forward or back, and back again",
    targets: INSTANCES,
    lastsMs: [5_000, 13_000],
    weight: 2,
  },
  "elect-leaders": {
    what: "leader elections for all partitions, repeatedly, also while PostgreSQL is down",
    targets: ["leaders", "leaders+postgres"],
    lastsMs: [3_000, 8_000],
    weight: 2,
    isOfCluster: true,
  },
  "move-partitions": {
    what: "every partition loses its leader's replica and gets it back, also while PostgreSQL is down",
    targets: ["replicas", "replicas+postgres"],
    lastsMs: [0, 0],
    weight: 2,
    isOfCluster: true,
  },
  "flap-isr": {
    what: "raw has temporarily too few in-sync replicas, while batches of 2 MB arrive for one node",
    targets: ["replicas"],
    lastsMs: [6_000, 10_000],
    weight: 1,
  },
  "foreign-batches": {
    what: "valid events are produced directly to Kafka, uncompressed and with gzip, snappy, lz4 and zstd",
    targets: ["raw"],
    lastsMs: [0, 0],
    weight: 1,
  },
  "delete-offsets": {
    what: "the processor is stopped and its offsets are deleted: it starts again at the beginning of raw",
    targets: ["offsets"],
    lastsMs: [0, 2_000],
    weight: 1,
    atMost: 1,
  },
  "recreate-topic": {
    what: "the enriched topic is deleted and recreated while nothing is sent, then its log is accepted",
    targets: ["enriched"],
    lastsMs: [0, 0],
    weight: 1,
    isOptIn: true,
  },
  "add-partitions": {
    what: "every topic of events gets two more partitions",
    targets: ["topics"],
    lastsMs: [0, 0],
    weight: 1,
    atMost: 2,
  },
  "add-partitions-unanswered": {
    what: "the same, while the brokers' answers to the processors are lost",
    targets: ["topics"],
    lastsMs: [1_000, 3_000],
    weight: 1,
    atMost: 1,
  },
  "evolve-schema": {
    what: "new versions of both event schemas, and events of the newer one, as from a newer gateway",
    targets: ["schemas"],
    lastsMs: [0, 0],
    weight: 1,
    atMost: 1,
  },
} as const satisfies Record<string, Trait>;
