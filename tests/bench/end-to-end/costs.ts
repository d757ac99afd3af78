import { peakRssMb, cpuSecondsOf, rssMb, sharedMemoryMb } from "../harness/process-cost.ts";
import { type Testbed, instancesOf } from "./testbed.ts";

/** The processes whose costs are measured, in the order in which a record passes them. */
export const PARTIES = [
  "gateway",
  "processor",
  "sink",
  "Kafka",
  "PostgreSQL",
  "Redis",
  "registry",
  "load",
] as const;
export type Party = (typeof PARTIES)[number];
export type PerParty = Readonly<Record<Party, number>>;

/** Returns the CPU seconds so far, of all processes of each party. */
export const cpuSeconds = (testbed: Testbed, loadPid: number): PerParty =>
  perParty(testbed, loadPid, cpuSecondsOf);

/** Returns the current memory in MB. Memory that PostgreSQL's processes share is counted once. */
export const memoryMb = (testbed: Testbed, loadPid: number): PerParty => ({
  ...perParty(testbed, loadPid, rssMb),
  PostgreSQL: sharedMemoryMb(testbed.backingServices.postgres.pid),
});

/** Returns the peak memory of each party in MB. */
export const peakMemoryMb = (testbed: Testbed, loadPid: number): PerParty => ({
  ...perParty(testbed, loadPid, peakRssMb),
  PostgreSQL: sharedMemoryMb(testbed.backingServices.postgres.pid),
});

export const difference = (later: PerParty, earlier: PerParty): PerParty =>
  mapParties((party) => later[party] - earlier[party]);

export function mapParties(value: (party: Party) => number): PerParty {
  const entries = PARTIES.map((party) => [party, value(party)]);
  return Object.fromEntries(entries) as PerParty;
}

function perParty(testbed: Testbed, loadPid: number, figure: (pid: number) => number): PerParty {
  const { services, backingServices } = testbed;
  const pids: Record<Party, readonly number[]> = {
    gateway: instancesOf(services, "ingest-gateway").map(({ pid }) => pid),
    processor: instancesOf(services, "stream-processor").map(({ pid }) => pid),
    sink: instancesOf(services, "sink-writer").map(({ pid }) => pid),
    Kafka: [backingServices.kafka.pid],
    PostgreSQL: [backingServices.postgres.pid],
    Redis: [backingServices.redis.pid],
    registry: [backingServices.registry.pid],
    load: [loadPid],
  };
  return mapParties((party) => pids[party].reduce((sum, pid) => sum + figure(pid), 0));
}
