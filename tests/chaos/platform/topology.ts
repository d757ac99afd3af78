import type { BackingServiceKind } from "@fiberstream/testkit/test-backing-service";

/** The service processes: two of each service on the path of an event, and a console. */
export const INSTANCES = [
  "gateway-1",
  "gateway-2",
  "processor-1",
  "processor-2",
  "sink-1",
  "sink-2",
  "console-1",
] as const;
export type InstanceName = (typeof INSTANCES)[number];

const BACKING_SERVICES_OF = {
  gateway: ["kafka", "registry", "redis", "postgres"],
  processor: ["kafka", "registry", "redis", "postgres"],
  sink: ["kafka", "registry", "postgres"],
  console: ["kafka", "postgres"],
} as const satisfies Record<string, readonly BackingServiceKind[]>;

/** `kafka` for a single broker; `kafka-1`, `kafka-2` and so on for several. */
export type BrokerName = "kafka" | `kafka-${number}`;
export type BackingServiceName = Exclude<BackingServiceKind, "kafka"> | BrokerName;

/** Targets of faults, in addition to the instances. */
export type Topology = {
  readonly brokers: readonly BrokerName[];
  /** Network links: `processor-1>kafka`, `sink-1>kafka-2`, `senders>gateway-2`. */
  readonly links: readonly string[];
};

export function topologyOf(brokerCount: number): Topology {
  const brokers: BrokerName[] =
    brokerCount === 1
      ? ["kafka"]
      : Array.from({ length: brokerCount }, (_, at): BrokerName => `kafka-${at + 1}`);
  return {
    brokers,
    links: [
      "senders>gateway-1",
      "senders>gateway-2",
      ...INSTANCES.flatMap((instance) =>
        BACKING_SERVICES_OF[serviceOf(instance)]
          .flatMap((kind) => (kind === "kafka" ? brokers : kind))
          .map((backingService) => linkOf(instance, backingService)),
      ),
    ],
  };
}

export const linkOf = (instance: InstanceName, backingService: BackingServiceName): string =>
  `${instance}>${backingService}`;

export function serviceOf(instance: InstanceName): keyof typeof BACKING_SERVICES_OF {
  return instance.slice(0, instance.indexOf("-")) as keyof typeof BACKING_SERVICES_OF;
}

export const instancesOf = (service: keyof typeof BACKING_SERVICES_OF): InstanceName[] =>
  INSTANCES.filter((instance) => serviceOf(instance) === service);
