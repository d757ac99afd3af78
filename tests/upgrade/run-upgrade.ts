import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLife } from "@fiberstream/runtime/life";
import { createFleet } from "@fiberstream/simulator/probes/fleet";
import { until } from "@fiberstream/testkit/until";
import { type Environment, ROOT, runProgram } from "../src/platform/run-program.ts";
import { createChecker, type Verdict } from "../chaos/check/checker.ts";
import { createDeadLetterCheck } from "../chaos/check/dead-letter-check.ts";
import { createLedger } from "../chaos/load/ledger.ts";
import { type BackingServices, startBackingServices } from "../chaos/platform/backing-services.ts";
import { readFound } from "../chaos/check/read-found.ts";
import { sendLoad } from "../chaos/load/send-load.ts";
import { nodesOf, planSenders } from "../chaos/load/senders.ts";
import { watchRows } from "../chaos/check/watch-rows.ts";
import { askConsoles, type ConsoleAnswers } from "./ask-consoles.ts";
import { checkOutEarlier } from "./earlier-version.ts";
import { createInstances, INSTANCES } from "./instances.ts";

export type UpgradeReport = {
  readonly from: string;
  /** Each mix of versions, and how long its events took to become rows. */
  readonly steps: readonly { readonly what: string; readonly caughtUpMs: number }[];
  readonly accepted: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly verdict: Verdict;
  readonly consoles: ConsoleAnswers;
  readonly deadLetters: number;
  readonly failures: readonly string[];
};

/** Longer than all steps together; the load ends after the last step. */
const LOAD_MAX_MS = 3_600_000;
const CATCH_UP_TIMEOUT_MS = 60_000;

/**
 * Upgrades a running platform under load, rolls it back, and then checks all events. The order is deploy steps, sink,
 * processor, gateway, console, one process after another; the rollback is in reverse order. The consoles are asked all the time.
 *
 * @param run.folder folder of the earlier version, data and logs (absolute path)
 */
export async function runUpgrade(run: {
  from: string;
  holdMs: number;
  rate: number;
  folder: string;
  onProgress: (progress: string) => void;
}): Promise<UpgradeReport> {
  const { folder, holdMs, onProgress } = run;
  const life = createLife();
  try {
    onProgress("checking out the earlier version, with its dependencies");
    const earlier = life.own(await checkOutEarlier(run.from, folder), (owned) => owned.remove());
    const backingServices = life.own(
      await startBackingServices({
        folder,
        brokers: ["kafka"],
        ownVolume: false,
        onProgress,
      }),
      (owned) => owned.end(),
    );
    const environment = environmentOf(backingServices);
    const instances = await createInstances({ life, folder: join(folder, "logs"), environment });
    onProgress(`starting ${earlier.title}`);
    await runDeploySteps(earlier.root, environment);
    await Promise.all(INSTANCES.map((instance) => instances.replace(instance, earlier.root)));

    const senders = planSenders({
      events: (run.rate * LOAD_MAX_MS) / 1_000,
      durationMs: LOAD_MAX_MS,
    });
    const fleet = createFleet({ probes: nodesOf(senders), seed: 1 });
    const ledger = createLedger(fleet);
    const { databaseUrl } = backingServices;
    const watch = life.own(watchRows({ databaseUrl, ledger }), (owned) => owned.end());
    const loadOver = new AbortController();
    life.own(loadOver, (owned) => owned.abort());
    const loading = sendLoad({
      senders,
      ledger,
      gatewayUrls: instances.gatewayUrls,
      stopping: loadOver.signal,
    });

    const endAsking = life.own(askConsoles({ consoles: instances.consoles, databaseUrl }), (end) =>
      end().then(() => undefined),
    );

    const steps: { what: string; caughtUpMs: number }[] = [];
    const step = async (what: string, work: () => Promise<void>) => {
      onProgress(what);
      await work();
      await delay(holdMs);
      const { recoveredMs } = watch.faultEnded();
      const within = { what: `rows of ${what}`, timeoutMs: CATCH_UP_TIMEOUT_MS };
      steps.push({ what, caughtUpMs: (await until(recoveredMs, within)) ?? 0 });
    };
    await step("the earlier version alone", async () => {});
    await step("deploy steps of this version", () => runDeploySteps(ROOT, environment));
    for (const instance of INSTANCES) {
      await step(`${instance} to this version`, () => instances.replace(instance, ROOT));
    }
    for (const instance of INSTANCES.toReversed()) {
      await step(`${instance} back`, () => instances.replace(instance, earlier.root));
    }
    loadOver.abort();
    const { refused } = await loading;

    onProgress("waiting for the last rows");
    await watch.settle({ stallMs: CATCH_UP_TIMEOUT_MS });
    const consoles = await endAsking();
    await instances.stopAll();
    const checker = createChecker(ledger);
    const deadLetters = createDeadLetterCheck("probe.metrics.raw");
    await readFound({
      namespace: "",
      brokers: backingServices.brokers,
      schemaRegistryUrl: backingServices.of("registry").address,
      databaseUrl,
      ledger,
      checker,
      deadLetters,
      onProgress,
    });
    return {
      from: earlier.title,
      steps,
      accepted: ledger.counts().accepted,
      refused,
      verdict: checker.verdict(),
      consoles,
      deadLetters: deadLetters.verdict(0).found,
      failures: instances.failures,
    };
  } finally {
    await life.stop();
  }
}

const environmentOf = (backingServices: BackingServices): Environment => ({
  KAFKA_BROKERS: backingServices.brokers.join(","),
  SCHEMA_REGISTRY_URL: backingServices.of("registry").address,
  REDIS_URL: backingServices.of("redis").address,
  DATABASE_URL: backingServices.databaseUrl,
});

async function runDeploySteps(root: string, environment: Environment): Promise<void> {
  await runProgram("deploy/src/migrate.ts", environment, { root });
  await runProgram("deploy/src/topics.ts", environment, { root });
}
