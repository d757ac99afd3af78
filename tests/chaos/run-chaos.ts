import { createLife } from "@fiberstream/runtime/life";
import { createChecker, type Verdict } from "./check/checker.ts";
import { countConflicts, countMissingNodes, countUnpublished } from "./check/count-rows.ts";
import { createDeadLetterCheck } from "./check/dead-letter-check.ts";
import { readBooks } from "./check/read-books.ts";
import { readFound } from "./check/read-found.ts";
import type { FoundRecord } from "./check/read-topics.ts";
import { watchRows } from "./check/watch-rows.ts";
import { backUpPostgres, FIRST_BACKUP } from "./faults/database-copies.ts";
import type { EnrichedEnds } from "./faults/delete-offsets.ts";
import { evolveSchema } from "./faults/evolve-schema.ts";
import { sendForeignBatches } from "./faults/foreign-batches.ts";
import { inQuiet } from "./faults/in-quiet.ts";
import { type FaultContext, inject } from "./faults/inject.ts";
import { runMeasuredFaults } from "./faults/measured-faults.ts";
import { sendBulk } from "./faults/send-bulk.ts";
import { isOfTheClock } from "./faults/step-clock.ts";
import { createGate } from "./load/gate.ts";
import type { Ledger } from "./load/ledger.ts";
import { plantBadRecords } from "./load/plant-bad-records.ts";
import { planNodes } from "./load/planned-nodes.ts";
import { sendLoad } from "./load/send-load.ts";
import { planSenders } from "./load/senders.ts";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { INSTANCES, type Topology } from "./platform/topology.ts";
import type { Progress } from "./report/progress.ts";
import type { ChaosReport } from "./report/report.ts";
import { drawTimeline } from "./report/timeline.ts";
import type { PlannedFault } from "./schedule/schedule.ts";

/** Events that have no row after so long without progress are lost. */
const STALL_MS = 90_000;

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
  const { seed, minutes, topology, progress, stopping } = run;
  const life = createLife();
  try {
    const platform = await startPlatform({
      folder: run.folder,
      topology,
      ownVolume: hasFault(run.faults, "fill-disk"),
      ownClocks: hasFault(run.faults, "step-clock"),
      life,
      onProgress: progress.step,
    });
    const { backingServices } = platform;
    const { databaseUrl, brokers } = backingServices;
    if (run.faults.some(({ target }) => target === FIRST_BACKUP)) {
      await backUpPostgres(backingServices);
    }
    const senders = planSenders({ events: run.events, durationMs: minutes * 60_000 });
    const { ledger, nodesOfFaults } = planNodes({ seed, senders });
    const watch = life.own(watchRows({ databaseUrl, ledger }), (owned) => owned.end());
    const settle = () => watch.settle({ stallMs: STALL_MS });

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
    const enrichedAgain: EnrichedEnds[] = [];
    const destroyed: FoundRecord[] = [];
    const gatewayUrls = ["gateway-1", "gateway-2"].map(
      (gateway) => new URL(`http://127.0.0.1:${platform.network.portOf(`senders>${gateway}`)}`),
    );
    const hasSteps = hasFault(run.faults, "step-clock");
    const isPassing = (reason: string) => hasSteps && isOfTheClock(reason);
    const sending = { ledger, gatewayUrls, isPassing, gate, stopping };
    const context: FaultContext = {
      platform,
      topology,
      evolveSchema: () => evolveSchema({ backingServices, ledger, nodes: nodesOfFaults.newer }),
      sendForeignBatches: () =>
        sendForeignBatches({ backingServices, ledger, nodes: nodesOfFaults.foreign }),
      sendBulk: async (lastsMs) =>
        void (await sendBulk({ ...sending, node: nodesOfFaults.bulk, lastsMs })),
      inQuiet: (work) =>
        inQuiet(work, {
          gate,
          settle,
          backingServices,
          enriched: (found) => destroyed.push(found),
        }),
      enrichedAgainFrom: (ends) => enrichedAgain.push(ends),
    };
    const [load, measuredFaults] = await Promise.all([
      sendLoad({ ...sending, senders }),
      runMeasuredFaults({
        faults: run.faults,
        alone: run.alone,
        minutes,
        startMs,
        stopping,
        platform,
        topology,
        ledger,
        watch,
        progress,
        inject: (fault) => inject(fault, context),
      }),
    ]);
    plantingOver.abort();
    const planted = await planting;

    progress.step("waiting for the last rows");
    await settle();
    const unpublishedNodes = await countUnpublished(databaseUrl);
    progress.step("waiting for the services' reconciliation");
    const books = await readBooks({ brokers, databaseUrl });
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

    const faults = measuredFaults();
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
        conflicts: await countConflicts(databaseUrl),
        unpublishedNodes,
        missingNodes: await countMissingNodes(databaseUrl),
        unplannedEnds: platform.unplannedEnds.map(({ name, reason }) => ({ name, reason })),
        badStops,
      },
    };
  } finally {
    await life.stop();
  }
}

const hasFault = (faults: readonly PlannedFault[], wanted: PlannedFault["kind"]): boolean =>
  faults.some(({ kind }) => kind === wanted);

async function stopServices(platform: Platform): Promise<string[]> {
  const ends = await Promise.all(
    INSTANCES.map(async (name) => ({ name, code: await platform.service(name).stop() })),
  );
  return ends.filter(({ code }) => code !== 0).map(({ name, code }) => `${name} (code ${code})`);
}

async function check({
  platform: { backingServices },
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
