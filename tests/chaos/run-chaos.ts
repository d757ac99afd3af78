import { setTimeout as delay } from "node:timers/promises";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createLife } from "@fiberstream/runtime/life";
import { createFleet } from "@fiberstream/simulator/probes/fleet";
import { Client } from "pg";
import { askConsole } from "./check/ask-console.ts";
import { createChecker, type Verdict } from "./check/checker.ts";
import { createDeadLetterCheck } from "./check/dead-letter-check.ts";
import { backUpPostgres, FIRST_BACKUP } from "./faults/database-copies.ts";
import type { EnrichedEnds } from "./faults/delete-offsets.ts";
import { evolveSchema } from "./faults/evolve-schema.ts";
import { sendForeignBatches } from "./faults/foreign-batches.ts";
import { sendBulk, withLargeEvents } from "./faults/send-bulk.ts";
import { chaosKafka } from "./faults/with-admin.ts";
import { isOfTheClock } from "./faults/step-clock.ts";
import { inject } from "./faults/inject.ts";
import { createGate } from "./load/gate.ts";
import { createLedger, type Ledger } from "./load/ledger.ts";
import { plantBadRecords } from "./load/plant-bad-records.ts";
import { type Platform, startPlatform } from "./platform/platform.ts";
import type { Progress } from "./report/progress.ts";
import { readBooks } from "./check/read-books.ts";
import { readFound } from "./check/read-found.ts";
import { type FoundRecord, readStage, TOPIC_OF } from "./check/read-topics.ts";
import type { ChaosReport } from "./report/report.ts";
import { runSchedule } from "./schedule/run-schedule.ts";
import type { PlannedFault } from "./schedule/schedule.ts";
import { sendLoad } from "./load/send-load.ts";
import { nodesOf, planSenders, type Sender } from "./load/senders.ts";
import { findAffected, type Affected } from "./faults/affected.ts";
import { drawTimeline } from "./report/timeline.ts";
import { INSTANCES, type Topology } from "./platform/topology.ts";
import type { WaitWindow } from "./check/waits.ts";
import { watchRows } from "./check/watch-rows.ts";

/** Additional nodes: of events with the newer schema, of other clients, and of large batches. */
const NEWER_NODES = 10;
const FOREIGN_NODES = 4;
const BULK_NODES = 1;
/** Events that have no row after so long without progress are lost. */
const STALL_MS = 90_000;
/** The last fault that runs alone starts at least this long before the load's end. */
const LAST_ALONE_MS = 25_000;
const POLL_INTERVAL_MS = 250;
/** Sinks whose offsets have not changed for so long are idle. */
const REST_MS = 2_000;

/**
 * Runs a chaos test: it starts the platform, sends known events, injects faults, and then checks all events.
 *
 * @param run.folder folder of data and logs (absolute path)
 * @param run.stopping ends load and faults early; the events accepted until then are checked
 */
export async function runChaos(run: {
  seed: number;
  minutes: number;
  events: number;
  topology: Topology;
  faults: readonly PlannedFault[];
  /** Injects one fault at a time, and waits for the recovery before the next. */
  alone: boolean;
  folder: string;
  progress: Progress;
  stopping: AbortSignal;
}): Promise<{ report: ChaosReport; timeline: string }> {
  const { seed, minutes, progress } = run;
  const life = createLife();
  try {
    const platform = await startPlatform({
      folder: run.folder,
      topology: run.topology,
      ownVolume: run.faults.some(({ kind }) => kind === "fill-disk"),
      ownClocks: run.faults.some(({ kind }) => kind === "step-clock"),
      life,
      onProgress: progress.step,
    });
    if (run.faults.some(({ target }) => target === FIRST_BACKUP)) {
      await backUpPostgres(platform.backingServices);
    }
    const senders = planSenders({ events: run.events, durationMs: minutes * 60_000 });
    const ledger = ledgerFor({ seed, senders });
    const { newerNodes, foreignNodes, bulkNode } = otherNodes(senders);
    const { databaseUrl, brokers } = platform.backingServices;
    const watch = life.own(watchRows({ databaseUrl, ledger }), (owned) => owned.end());

    progress.begin({
      ledger,
      events: run.events,
      minutes,
      lag: () => watch.samples.at(-1)?.lag ?? 0,
    });
    const startMs = performance.now();
    const plantingOver = new AbortController();
    const gate = createGate();
    const planting = plantBadRecords({ brokers, gate, stopping: plantingOver.signal });
    const affected = new Map<string, Affected & { window: WaitWindow }>();
    const recoveries = new Map<PlannedFault, ReturnType<typeof watch.faultEnded>>();
    const enrichedAgain: EnrichedEnds[] = [];
    const gatewayUrls = ["gateway-1", "gateway-2"].map(
      (gateway) => new URL(`http://127.0.0.1:${platform.network.portOf(`senders>${gateway}`)}`),
    );
    const hasSteps = run.faults.some(({ kind }) => kind === "step-clock");
    const isPassing = (reason: string) => hasSteps && isOfTheClock(reason);
    const sending = { ledger, gatewayUrls, isPassing, gate, stopping: run.stopping };
    const destroyed: FoundRecord[] = [];
    const inQuiet = async (work: () => Promise<void>) => {
      gate.close();
      try {
        await watch.settle({ stallMs: STALL_MS });
        await untilSinksRest(databaseUrl);
        for (const found of await readEnriched(platform)) destroyed.push(found);
        await work();
      } finally {
        gate.open();
      }
    };
    const [load, ran] = await Promise.all([
      sendLoad({ ...sending, senders }),
      runSchedule({
        faults: run.faults,
        topology: run.topology,
        startMs,
        stopping: run.stopping,
        ...(run.alone && {
          alone: {
            lastAtMs: minutes * 60_000 - LAST_ALONE_MS,
            untilQuiet: async (fault) => {
              const isQuiet = () => affected.get(nameOf(fault))?.window.isQuiet() ?? true;
              while (!isQuiet() && !run.stopping.aborted) await delay(POLL_INTERVAL_MS);
            },
          },
        }),
        inject: async (fault) => {
          const of = await findAffected(fault, { platform, topology: run.topology, ledger });
          affected.set(nameOf(fault), { ...of, window: watch.faultBegins(of.nodes) });
          await inject(fault, {
            platform,
            topology: run.topology,
            evolveSchema: () =>
              evolveSchema({
                backingServices: platform.backingServices,
                ledger,
                nodes: newerNodes,
              }),
            sendForeignBatches: () =>
              sendForeignBatches({
                backingServices: platform.backingServices,
                ledger,
                nodes: foreignNodes,
              }),
            sendBulk: async (lastsMs) =>
              void (await sendBulk({ ...sending, node: bulkNode, lastsMs })),
            inQuiet,
            enrichedAgainFrom: (ends) => enrichedAgain.push(ends),
          });
        },
        onBegin: progress.faultBegins,
        onEnd: (fault) => {
          affected.get(nameOf(fault))?.window.faultEnded();
          recoveries.set(fault, watch.faultEnded());
          progress.faultEnds(fault);
        },
      }),
    ]);
    plantingOver.abort();
    const planted = await planting;

    progress.step("waiting for the last rows");
    await watch.settle({ stallMs: STALL_MS });
    const unpublishedNodes = await countUnpublished(databaseUrl);
    progress.step("waiting for the services' reconciliation");
    const books = await readBooks({ brokers, databaseUrl });
    progress.step("asking the console");
    await untilSinksRest(databaseUrl);
    const consoleCounts = await askConsole(platform.consoleUrl, ledger);
    progress.step("stopping the services");
    const badStops = await stopServices(platform);
    const { verdict, deadLetters } = await check({
      platform,
      ledger,
      planted,
      enrichedAgain,
      destroyed,
      progress,
    });

    const faults = ran.map((fault) => ({
      kind: fault.kind,
      target: fault.target,
      fromMs: fault.beganMs - startMs,
      toMs: fault.endedMs - startMs,
      failure: fault.failure,
      firstRowMs: recoveries.get(fault)?.firstRowMs(),
      recoveredMs: recoveries.get(fault)?.recoveredMs(),
      waits: affected.get(nameOf(fault))?.window.waits(),
      coordinates: affected.get(nameOf(fault))?.coordinates ?? [],
      isFollower: affected.get(nameOf(fault))?.isFollower ?? false,
    }));
    const { accepted, sentAgain } = ledger.counts();
    const title = `Chaos, seed ${seed}: ${accepted} events accepted, ${faults.length} faults`;
    return {
      timeline: drawTimeline({ title, startMs, samples: watch.samples, faults }),
      report: {
        seed,
        minutes,
        brokers: brokers.length,
        alone: run.alone,
        accepted,
        sentAgain,
        ...load,
        faults,
        verdict,
        deadLetters,
        books,
        consoleCounts,
        conflicts: await count(databaseUrl, "SELECT count(*)::int AS count FROM metric_conflicts"),
        unpublishedNodes,
        missingNodes: await count(databaseUrl, MISSING_NODES),
        unplannedEnds: platform.unplannedEnds.map(({ name, reason }) => ({ name, reason })),
        badStops,
      },
    };
  } finally {
    await life.stop();
  }
}

const nameOf = ({ kind, target, atMs }: PlannedFault) => `${kind} ${target} ${atMs}`;

function ledgerFor(of: { seed: number; senders: readonly Sender[] }): Ledger {
  const { bulkNode } = otherNodes(of.senders);
  const fleet = createFleet({ probes: bulkNode + BULK_NODES, seed: of.seed });
  return createLedger(
    fleet.map((probe, node) => (node === bulkNode ? withLargeEvents(probe) : probe)),
  );
}

function otherNodes(senders: readonly Sender[]) {
  const newest = nodesOf(senders);
  const foreign = newest + NEWER_NODES;
  return {
    newerNodes: Array.from({ length: NEWER_NODES }, (_, at) => newest + at),
    foreignNodes: Array.from({ length: FOREIGN_NODES }, (_, at) => foreign + at),
    bulkNode: foreign + FOREIGN_NODES,
  };
}

async function stopServices(platform: Platform): Promise<string[]> {
  const ends = await Promise.all(
    INSTANCES.map(async (name) => ({ name, code: await platform.service(name).stop() })),
  );
  return ends.filter(({ code }) => code !== 0).map(({ name, code }) => `${name} (code ${code})`);
}

async function check({
  platform,
  ledger,
  planted,
  enrichedAgain,
  destroyed,
  progress,
}: {
  platform: Platform;
  ledger: Ledger;
  planted: number;
  enrichedAgain: readonly EnrichedEnds[];
  destroyed: readonly FoundRecord[];
  progress: Progress;
}): Promise<{ verdict: Verdict; deadLetters: ChaosReport["deadLetters"] }> {
  const { backingServices } = platform;
  const checker = createChecker(ledger);
  const deadLetters = createDeadLetterCheck("probe.metrics.raw");
  await readFound({
    namespace: "",
    brokers: backingServices.brokers,
    schemaRegistryUrl: backingServices.of("registry").address,
    databaseUrl: backingServices.databaseUrl,
    ledger,
    checker,
    deadLetters,
    enrichedAgain,
    destroyed,
    onProgress: progress.step,
  });
  return {
    verdict: checker.verdict(),
    deadLetters: deadLetters.verdict(planted, enrichedAgain.length),
  };
}

/** Reads all records of the enriched topic. */
async function readEnriched({ backingServices }: Platform): Promise<FoundRecord[]> {
  const reader = await connectTopicReader({ kafka: chaosKafka(backingServices.brokers) });
  const registry = createSchemaRegistry({ url: backingServices.of("registry").address });
  const found: FoundRecord[] = [];
  try {
    const topic = TOPIC_OF.enriched;
    for await (const one of readStage({ reader, registry, stage: "enriched", topic })) {
      found.push(one);
    }
    return found;
  } finally {
    await reader.close();
  }
}

/** Waits until the sinks' offsets do not change for a while: then they have also written the dead letters of bad records, which have no rows. */
async function untilSinksRest(databaseUrl: string): Promise<void> {
  const sum = () =>
    count(databaseUrl, "SELECT coalesce(sum(next_offset), 0)::int AS count FROM sink_offsets");
  for (let before = -1, now = await sum(); now !== before; now = await sum()) {
    before = now;
    await delay(REST_MS);
  }
}

const MISSING_NODES = `
  SELECT count(*)::int AS count FROM (SELECT DISTINCT node_id FROM metrics) AS reporting
   WHERE NOT EXISTS (SELECT FROM nodes WHERE nodes.node_id = reporting.node_id)`;

const PUBLISH_TIMEOUT_MS = 30_000;

/** Counts unpublished nodes, after giving the publisher time. */
async function countUnpublished(databaseUrl: string): Promise<number> {
  const giveUpAt = performance.now() + PUBLISH_TIMEOUT_MS;
  for (;;) {
    const left = await count(
      databaseUrl,
      "SELECT count(*)::int AS count FROM nodes WHERE published_revision < revision",
    );
    if (left === 0 || performance.now() > giveUpAt) return left;
  }
}

async function count(databaseUrl: string, sql: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<{ count: number }>(sql)).rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}
