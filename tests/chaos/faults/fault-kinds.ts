import { INSTANCES, instancesOf, type Topology } from "../platform/topology.ts";
import { FAULTS, type Trait } from "./fault-table.ts";

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];
export const traitOf = (kind: FaultKind): Trait => FAULTS[kind];

export function targetsOf(kind: FaultKind, topology: Topology): readonly string[] {
  const { targets } = traitOf(kind);
  return typeof targets === "string" ? topology[targets] : targets;
}

/** Returns whether a kind adds partitions to the topics of events. */
export const addsPartitions = (kind: FaultKind): boolean =>
  kind === "add-partitions" || kind === "add-partitions-unanswered";

/** Returns what a fault locks while it lasts: two faults never affect the same process at the same time. */
export function occupiedBy(
  { kind, target }: { kind: FaultKind; target: string },
  topology: Topology,
): readonly string[] {
  const wanted = OCCUPIED[kind]?.(topology) ?? [target];
  return target.endsWith("+postgres") ? [...wanted, "postgres"] : wanted;
}

/** Kinds that lock more than their target. */
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

/** Returns the links between processors and the brokers. */
export const answersOf = (links: readonly string[]): string[] =>
  links.filter((link) => /^processor-\d+>kafka/.test(link));
