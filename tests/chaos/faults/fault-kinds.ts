import { INSTANCES, instancesOf, type Topology } from "../platform/topology.ts";

type Trait = {
  /** What it does, for people. */
  readonly what: string;
  /** One of these, or of the topology's, is struck, chosen by chance. */
  readonly targets: readonly string[] | keyof Topology;
  /** From its beginning to its end, ms; chosen by chance between the two. */
  readonly lastsMs: readonly [number, number];
  /** How often it comes, against the others. */
  readonly weight: number;
  /** How often it may come in a run; without a limit by default. */
  readonly atMost?: number;
  /** Whether it takes several brokers. */
  readonly isOfCluster?: boolean;
  /** Whether it takes backing services that run on this machine without Docker, as root. */
  readonly needsNativeBackingServices?: boolean;
  /** Whether it comes only where it is asked for by its name. */
  readonly isOptIn?: boolean;
};

/** Longer than the 10 s after which a silent consumer's partitions go to others, and a broker's 9 s. */
const PAST_THE_SESSION_MS = [11_500, 15_000] as const;

export const FAULTS = {
  "kill-gateway": {
    what: "SIGKILL of a gateway, started again after a while",
    targets: instancesOf("gateway"),
    lastsMs: [0, 3_000],
    weight: 9,
  },
  "kill-processor": {
    what: "SIGKILL of a processor, started again after a while",
    targets: instancesOf("processor"),
    lastsMs: [0, 3_000],
    weight: 14,
  },
  "kill-sink": {
    what: "SIGKILL of a sink, started again after a while",
    targets: instancesOf("sink"),
    lastsMs: [0, 3_000],
    weight: 14,
  },
  "freeze-gateway": {
    what: "SIGSTOP of a gateway, SIGCONT past its senders' patience",
    targets: instancesOf("gateway"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 2,
  },
  "freeze-processor": {
    what: "SIGSTOP of a processor, SIGCONT past the session timeout",
    targets: instancesOf("processor"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 4,
  },
  "freeze-sink": {
    what: "SIGSTOP of a sink, SIGCONT past the session timeout",
    targets: instancesOf("sink"),
    lastsMs: PAST_THE_SESSION_MS,
    weight: 4,
  },
  "restart-broker": {
    what: "a broker stops cleanly and starts again",
    targets: "brokers",
    lastsMs: [0, 3_000],
    weight: 1,
  },
  "kill-broker": {
    what: "SIGKILL of a broker, started again after a while",
    targets: "brokers",
    lastsMs: [0, 4_000],
    weight: 2,
  },
  "freeze-broker": {
    what: "SIGSTOP of one of several brokers, SIGCONT after another has taken its place",
    targets: "brokers",
    lastsMs: PAST_THE_SESSION_MS,
    weight: 2,
    isOfCluster: true,
  },
  "kill-postgres": {
    what: "SIGKILL of PostgreSQL, started again after a while",
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
    what: "SIGKILL of PostgreSQL, and a standby that lags behind by some seconds takes its place",
    targets: ["postgres"],
    lastsMs: [2_000, 6_000],
    weight: 1,
    needsNativeBackingServices: true,
  },
  "restore-postgres": {
    what: "a backup is put back under running services: one of some seconds ago, or of the beginning",
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
    what: "SIGSTOP of Redis: connections stay, answers do not come",
    targets: ["redis"],
    lastsMs: [3_000, 12_000],
    weight: 1,
  },
  "flush-redis": {
    what: "FLUSHALL: Redis forgets everything",
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
    what: "a link swallows what is sent without a word, then its connections are reset",
    targets: "links",
    lastsMs: [4_000, 14_000],
    weight: 4,
  },
  unanswered: {
    what: "a link hands on what is sent and swallows the answers, then its connections are reset",
    targets: "links",
    lastsMs: [1_000, 8_000],
    weight: 3,
  },
  stall: {
    what: "a link holds everything back, then delivers it late",
    targets: "links",
    lastsMs: [4_000, 14_000],
    weight: 4,
  },
  latency: {
    what: "a link takes 400 ms longer each way",
    targets: "links",
    lastsMs: [4_000, 12_000],
    weight: 2,
  },
  throttle: {
    what: "a link carries 16 KB a second each way",
    targets: "links",
    lastsMs: [4_000, 12_000],
    weight: 2,
  },
  "rolling-restart": {
    what: "every service process in turn: SIGTERM, its end, a new one, ready",
    targets: ["services"],
    lastsMs: [0, 0],
    weight: 1,
    atMost: 3,
  },
  "shift-clock": {
    what: "a service runs with its clock three minutes off, then with the right one again",
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
    what: "other leaders are elected for all partitions again and again, also while PostgreSQL is away",
    targets: ["leaders", "leaders+postgres"],
    lastsMs: [3_000, 8_000],
    weight: 2,
    isOfCluster: true,
  },
  "move-partitions": {
    what: "every partition loses the replica that leads it and gets it back, also while PostgreSQL is away",
    targets: ["replicas", "replicas+postgres"],
    lastsMs: [0, 0],
    weight: 2,
    isOfCluster: true,
  },
  "flap-isr": {
    what: "raw has too few replicas in sync by turns, while batches of 2 MB come for one node",
    targets: ["replicas"],
    lastsMs: [6_000, 10_000],
    weight: 1,
  },
  "foreign-batches": {
    what: "valid events come straight to Kafka, uncompressed and by gzip, snappy, lz4 and zstd",
    targets: ["raw"],
    lastsMs: [0, 0],
    weight: 1,
  },
  "delete-offsets": {
    what: "the processor is stopped, its offsets are deleted: it begins at the beginning of raw",
    targets: ["offsets"],
    lastsMs: [0, 2_000],
    weight: 1,
    atMost: 1,
  },
  "recreate-topic": {
    what: "in a quiet moment the enriched topic is deleted and made anew, then its log is accepted",
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
    what: "new versions of both event schemas; events of the newer one come as from a newer gateway",
    targets: ["schemas"],
    lastsMs: [0, 0],
    weight: 1,
    atMost: 1,
  },
} as const satisfies Record<string, Trait>;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];
export const traitOf = (kind: FaultKind): Trait => FAULTS[kind];

export function targetsOf(kind: FaultKind, topology: Topology): readonly string[] {
  const { targets } = traitOf(kind);
  return typeof targets === "string" ? topology[targets] : targets;
}

/** Kinds by which the topics of events get more partitions. */
export const addsPartitions = (kind: FaultKind): boolean =>
  kind === "add-partitions" || kind === "add-partitions-unanswered";

/** What a fault has to itself while it lasts: two faults never work on the same process at once. */
export function occupiedBy(
  { kind, target }: { kind: FaultKind; target: string },
  topology: Topology,
): readonly string[] {
  const wanted = OCCUPIED[kind]?.(topology) ?? [target];
  return target.endsWith("+postgres") ? [...wanted, "postgres"] : wanted;
}

/** Of kinds that take more than their target. */
const OCCUPIED: Partial<Record<FaultKind, (topology: Topology) => readonly string[]>> = {
  "rolling-restart": () => INSTANCES,
  "add-partitions": ({ brokers }) => brokers,
  "add-partitions-unanswered": ({ brokers, links }) => [...brokers, ...answersOf(links)],
  "restore-postgres": () => ["postgres"],
  "flap-isr": ({ brokers }) => brokers,
  "elect-leaders": ({ brokers }) => brokers,
  "move-partitions": ({ brokers }) => brokers,
  "foreign-batches": ({ brokers }) => [...brokers, "registry"],
  "evolve-schema": ({ brokers }) => [...brokers, "registry"],
  "recreate-topic": ({ brokers, links }) => [
    ...brokers,
    ...INSTANCES,
    ...links,
    "registry",
    "redis",
    "postgres",
  ],
  "delete-offsets": ({ brokers }) => [...brokers, ...instancesOf("processor")],
};

/** The links over which processors hear of their transactions. */
export const answersOf = (links: readonly string[]): string[] =>
  links.filter((link) => /^processor-\d+>kafka/.test(link));
