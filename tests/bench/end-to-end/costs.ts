import { peakRssMb, cpuSecondsOf, rssMb, sharedMemoryMb } from "../harness/process-cost.ts";
import { type Testbed, of } from "./testbed.ts";

/** Who costs something, in the order of a record's way. */
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

/** CPU seconds so far, of all processes of each. */
export const cpuSeconds = (testbed: Testbed, loadPid: number): PerParty =>
  perParty(testbed, loadPid, cpuSecondsOf);

/** Memory now, in MB. PostgreSQL's processes share most of theirs, which is counted once. */
export const memoryMb = (testbed: Testbed, loadPid: number): PerParty => ({
  ...perParty(testbed, loadPid, rssMb),
  PostgreSQL: sharedMemoryMb(testbed.backingServices.postgres.pid),
});

/** The most memory that the services and the single processes have had, in MB. */
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
    gateway: of(services, "ingest-gateway").map(({ pid }) => pid),
    processor: of(services, "stream-processor").map(({ pid }) => pid),
    sink: of(services, "sink-writer").map(({ pid }) => pid),
    Kafka: [backingServices.kafka.pid],
    PostgreSQL: [backingServices.postgres.pid],
    Redis: [backingServices.redis.pid],
    registry: [backingServices.registry.pid],
    load: [loadPid],
  };
  return mapParties((party) => pids[party].reduce((sum, pid) => sum + figure(pid), 0));
}
