import { createRandom, type Random, seedOf } from "@fiberstream/simulator/probes/random";
import { type FaultKind, targetsOf, traitOf } from "../faults/fault-kinds.ts";
import type { Topology } from "../platform/topology.ts";

/** A planned fault. Times are in ms since the load began. */
export type PlannedFault = {
  readonly kind: FaultKind;
  readonly target: string;
  readonly atMs: number;
  readonly lastsMs: number;
};

/** The first fault comes when events flow, and the last one has time to end. */
const FIRST_AT_MS = 4_000;
const QUIET_END_MS = 8_000;

/**
 * Plans random faults, the same ones for the same seed. A fault may start before the last one has ended.
 *
 * @param plan.everyMs average time between faults
 * @returns the faults, ordered by start
 */
export function planByChance(plan: {
  seed: number;
  durationMs: number;
  kinds: readonly FaultKind[];
  everyMs: number;
  topology: Topology;
}): PlannedFault[] {
  const random = createRandom(seedOf(plan.seed, 1));
  const faults: PlannedFault[] = [];
  const endMs = plan.durationMs - QUIET_END_MS;
  for (let atMs = FIRST_AT_MS; atMs < endMs; atMs += plan.everyMs * (0.4 + 1.2 * random.unit())) {
    const kind = chooseKind(plan.kinds, faults, random);
    if (kind === undefined) break;
    faults.push(planFault(kind, Math.round(atMs), plan.topology, random));
  }
  return faults;
}

/** Plans each kind once, in random order, evenly distributed. */
export function planEachOnce(plan: {
  seed: number;
  durationMs: number;
  kinds: readonly FaultKind[];
  topology: Topology;
}): PlannedFault[] {
  const random = createRandom(seedOf(plan.seed, 1));
  const everyMs = (plan.durationMs - QUIET_END_MS - FIRST_AT_MS) / plan.kinds.length;
  return shuffled(plan.kinds, random).map((kind, at) =>
    planFault(kind, Math.round(FIRST_AT_MS + at * everyMs), plan.topology, random),
  );
}

function planFault(
  kind: FaultKind,
  atMs: number,
  topology: Topology,
  random: Random,
): PlannedFault {
  const { lastsMs } = traitOf(kind);
  const targets = targetsOf(kind, topology);
  const target = targets[Math.floor(random.unit() * targets.length)] ?? "";
  const [shortest, longest] = lastsMs;
  return {
    kind,
    target,
    atMs,
    lastsMs: Math.round(shortest + (longest - shortest) * random.unit()),
  };
}

function chooseKind(
  kinds: readonly FaultKind[],
  before: readonly PlannedFault[],
  random: Random,
): FaultKind | undefined {
  const open = kinds.filter((kind) => {
    const { atMost = Infinity } = traitOf(kind);
    return before.filter((fault) => fault.kind === kind).length < atMost;
  });
  let left = random.unit() * open.reduce((sum, kind) => sum + traitOf(kind).weight, 0);
  return open.find((kind) => (left -= traitOf(kind).weight) < 0) ?? open.at(-1);
}

function shuffled<T>(from: readonly T[], random: Random): T[] {
  return from
    .map((item) => ({ item, place: random.unit() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Returns the schedule as text, with a line for each fault. */
export const renderSchedule = (faults: readonly PlannedFault[]): string =>
  faults
    .map(({ atMs, kind, target, lastsMs }) => {
      const at = `${(atMs / 1_000).toFixed(1)} s`.padStart(9);
      const lasts = lastsMs > 0 ? ` for ${(lastsMs / 1_000).toFixed(1)} s` : "";
      return `${at}  ${kind.padEnd(27)}${target}${lasts}\n`;
    })
    .join("");
