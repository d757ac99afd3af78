import { setTimeout as delay } from "node:timers/promises";
import { until } from "@fiberstream/testkit/until";
import { createClient } from "@redis/client";
import { Client } from "pg";
import { answersOf } from "./fault-kinds.ts";
import { addPartitions } from "./add-partitions.ts";
import { failOverPostgres, restorePostgres } from "./database-copies.ts";
import { deleteOffsets, type EnrichedEnds } from "./delete-offsets.ts";
import { flapIsr } from "./flap-isr.ts";
import { moveLeaders, movePartitions } from "./move-leaders.ts";
import { recreateTopic } from "./recreate-topic.ts";
import { stepClock } from "./step-clock.ts";
import type { BackingServices } from "../platform/backing-services.ts";
import type { Platform } from "../platform/platform.ts";
import type { PlannedFault } from "../schedule/schedule.ts";
import type { LinkState } from "../platform/tcp-proxy.ts";
import {
  type BrokerName,
  type InstanceName,
  INSTANCES,
  instancesOf,
  type Topology,
} from "../platform/topology.ts";

/** What faults use, in addition to the platform. */
export type FaultContext = {
  readonly platform: Platform;
  readonly topology: Topology;
  /** Registers the next versions of the schemas, and sends events with them. */
  readonly evolveSchema: () => Promise<void>;
  /** Sends events as batches of every codec. */
  readonly sendForeignBatches: () => Promise<void>;
  /** Sends batches of 2 MB for one node during this time. */
  readonly sendBulk: (lastsMs: number) => Promise<void>;
  /** Runs `work` while nothing is sent or in flight, after reading all records of the enriched topic. */
  readonly inQuiet: (work: () => Promise<void>) => Promise<void>;
  /** Called with the offsets from which the enriched topic has events again. */
  readonly enrichedAgainFrom: (ends: EnrichedEnds) => void;
};

const CLOCK_SHIFT_MS = 180_000;
const SLOW: LinkState = { kind: "slow", delayMs: 400, bytesPerSecond: 1_000_000 };
const NARROW: LinkState = { kind: "slow", delayMs: 0, bytesPerSecond: 16_384 };

/** Injects a fault, from its start to its end. It ends when the recovery can begin. */
export async function inject(fault: PlannedFault, context: FaultContext): Promise<void> {
  const { kind, target, lastsMs } = fault;
  const { platform } = context;
  switch (kind) {
    case "kill-gateway":
    case "kill-processor":
    case "kill-sink":
    case "kill-console":
      return killFor(platform.service(target as InstanceName), lastsMs);
    case "freeze-gateway":
    case "freeze-processor":
    case "freeze-sink":
    case "freeze-console":
      return freezeFor(platform.service(target as InstanceName), lastsMs);
    case "restart-broker":
      return stopFor(platform.backingServices.of(target as BrokerName), lastsMs);
    case "kill-broker":
      return killFor(platform.backingServices.of(target as BrokerName), lastsMs);
    case "freeze-broker":
      return freezeFor(platform.backingServices.of(target as BrokerName), lastsMs);
    case "kill-postgres":
      return killFor(platform.backingServices.of("postgres"), lastsMs);
    case "fill-disk":
      return fillDisk(platform.backingServices, lastsMs);
    case "fail-over-postgres":
      return failOverPostgres(platform.backingServices, lastsMs);
    case "restore-postgres":
      return restorePostgres(platform.backingServices, fault);
    case "stop-redis":
      return stopFor(platform.backingServices.of("redis"), lastsMs);
    case "freeze-redis":
      return freezeFor(platform.backingServices.of("redis"), lastsMs);
    case "flush-redis":
      return flushRedis(platform.backingServices.of("redis").address);
    case "stop-registry":
      return stopFor(platform.backingServices.of("registry"), lastsMs);
    case "cut":
      return onLink(fault, { kind: "cut" }, platform);
    case "half-open":
      return onLink(fault, { kind: "half-open" }, platform);
    case "unanswered":
      return onLink(fault, { kind: "unanswered" }, platform);
    case "stall":
      return onLink(fault, { kind: "stalled" }, platform);
    case "latency":
      return onLink(fault, SLOW, platform);
    case "throttle":
      return onLink(fault, NARROW, platform);
    case "rolling-restart":
      return rollingRestart(platform);
    case "shift-clock":
      return shiftClock(platform, fault);
    case "step-clock":
      return stepClock(platform.service(target as InstanceName), lastsMs);
    case "elect-leaders":
      return aroundPostgres(fault, platform.backingServices, () =>
        moveLeaders(platform.backingServices.brokers, lastsMs),
      );
    case "move-partitions":
      return aroundPostgres(fault, platform.backingServices, () =>
        movePartitions(platform.backingServices.brokers),
      );
    case "flap-isr":
      await Promise.all([
        flapIsr(platform.backingServices.brokers, lastsMs),
        context.sendBulk(lastsMs),
      ]);
      return;
    case "foreign-batches":
      return context.sendForeignBatches();
    case "delete-offsets":
      return context.enrichedAgainFrom(
        await deleteOffsets({
          brokers: platform.backingServices.brokers,
          processors: instancesOf("processor").map(platform.service),
          lastsMs,
        }),
      );
    case "recreate-topic":
      return context.inQuiet(() =>
        recreateTopic({
          backingServices: platform.backingServices,
          sinks: instancesOf("sink").map(platform.service),
        }),
      );
    case "add-partitions":
      return addPartitions(platform.backingServices.brokers);
    case "add-partitions-unanswered":
      return addPartitionsUnanswered(fault, context);
    case "evolve-schema":
      return context.evolveSchema();
  }
}

type Killable = { kill: () => Promise<void>; start: () => unknown };

async function killFor(target: Killable, lastsMs: number): Promise<void> {
  await target.kill();
  await delay(lastsMs);
  await target.start();
}

async function stopFor(
  backingService: { stop: () => Promise<void>; start: () => Promise<void> },
  lastsMs: number,
): Promise<void> {
  await backingService.stop();
  await delay(lastsMs);
  await backingService.start();
}

/** Runs `work` while PostgreSQL is down, if the fault's target says so. */
async function aroundPostgres(
  { target }: PlannedFault,
  { of }: BackingServices,
  work: () => Promise<void>,
): Promise<void> {
  if (!target.endsWith("+postgres")) return work();
  await of("postgres").kill();
  try {
    await work();
  } finally {
    await of("postgres").start();
  }
}

type Freezable = { freeze: () => unknown; thaw: () => unknown };

async function freezeFor(target: Freezable, lastsMs: number): Promise<void> {
  await target.freeze();
  await delay(lastsMs);
  await target.thaw();
}

async function onLink(fault: PlannedFault, state: LinkState, platform: Platform): Promise<void> {
  platform.network.set(fault.target, state);
  await delay(fault.lastsMs);
  platform.network.set(fault.target, { kind: "open" });
}

async function addPartitionsUnanswered(
  { lastsMs }: PlannedFault,
  { platform: { network, backingServices }, topology }: FaultContext,
): Promise<void> {
  const links = answersOf(topology.links);
  for (const link of links) network.set(link, { kind: "unanswered" });
  try {
    await Promise.all([addPartitions(backingServices.brokers), delay(lastsMs)]);
  } finally {
    for (const link of links) network.set(link, { kind: "open" });
  }
}

async function fillDisk(
  { volume, of, databaseUrl }: BackingServices,
  lastsMs: number,
): Promise<void> {
  if (volume === undefined) throw new Error("the database has no volume of its own");
  await volume.fill();
  await delay(lastsMs);
  await volume.free();
  // A server that cannot write its WAL ends, and has to be restarted.
  if (!(await accepts(databaseUrl))) await killFor(of("postgres"), 0);
}

async function accepts(databaseUrl: string): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

async function flushRedis(url: string): Promise<void> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.flushAll();
  } catch {
    // Redis is stopped by another fault: there is nothing to delete.
  } finally {
    client.destroy();
  }
}

async function rollingRestart(platform: Platform): Promise<void> {
  for (const name of INSTANCES) {
    const service = platform.service(name);
    await service.stop();
    service.start();
    // A backing service may be down because of another fault; continue with the next process.
    await until(service.isReady, { what: `${name} is ready`, timeoutMs: 15_000 }).catch(
      () => undefined,
    );
  }
}

async function shiftClock(platform: Platform, fault: PlannedFault): Promise<void> {
  const service = platform.service(fault.target as InstanceName);
  // Forward or backward, depending on the schedule's random numbers.
  const shiftMs = fault.lastsMs % 2 === 0 ? CLOCK_SHIFT_MS : -CLOCK_SHIFT_MS;
  await service.stop();
  service.start({ clockShiftMs: shiftMs });
  await delay(fault.lastsMs);
  await service.stop();
  service.start();
}
