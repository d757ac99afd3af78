import { fork } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { until } from "@fiberstream/testkit/until";
import type { Testbed } from "../testbed.ts";
import { cpuSeconds, difference, memoryMb, peakMemoryMb, type PerParty } from "../costs.ts";
import type { LoadMessage, LoadNews, LoadPlan, LoadResult } from "./load-plan.ts";

/** The results of a load after all its events were written. */
export type Ran = LoadResult & {
  /** Rows that were written in the measured time. */
  readonly delivered: number;
  /** CPU seconds in the measured time. */
  readonly cpu: PerParty;
  /** Memory at the end, in MB. */
  readonly memory: PerParty;
  readonly peakMemory: PerParty;
  /** Samples of the measured time: seconds, and events without a row. */
  readonly lag: readonly (readonly [number, number])[];
  /** Rows of this load in the table. */
  readonly rows: number;
  readonly doubled: number;
};

const LOAD = fileURLToPath(new URL("load-main.ts", import.meta.url));
/** Rendering the metrics costs a sink about a millisecond. A load that waits for rows has to be told often. */
const POLL_INTERVAL_MS = { closed: 250, open: 1_000 } as const;
const DRAIN_TIMEOUT_MS = 300_000;

/**
 * Sends a load from another process, and waits until all its events are in the table.
 *
 * @param onDone called with the elapsed seconds
 * @throws when rows are missing after 5 minutes
 */
export async function runLoad(
  testbed: Testbed,
  plan: LoadPlan,
  onDone: (seconds: number) => void,
): Promise<Ran> {
  const before = await testbed.rowsInTable();
  const writtenBefore = await testbed.rowsWritten();
  // "advanced" keeps NaN.
  const child = fork(LOAD, [JSON.stringify(plan)], { serialization: "advanced" });
  const pid = child.pid ?? 0;
  const ended = Promise.withResolvers<LoadResult>();
  const samples: { atMs: number; lag: number }[] = [];
  let accepted = 0;
  let from: Snapshot | undefined;
  let to: Snapshot | undefined;

  const snapshot = (): Snapshot => ({
    atMs: performance.now(),
    cpu: cpuSeconds(testbed, pid),
    memory: memoryMb(testbed, pid),
    peakMemory: peakMemoryMb(testbed, pid),
    rows: testbed.rowsWritten(),
  });
  child.on("message", (message: LoadMessage) => {
    switch (message.kind) {
      case "accepted":
        accepted = message.events;
        return;
      case "measuring":
        from = snapshot();
        return;
      case "measured":
        to = snapshot();
        return;
      case "result":
        ended.resolve(message.result);
        return;
      default:
        message satisfies never;
    }
  });
  child.on("exit", (code) => ended.reject(new Error(`the load's process ended with code ${code}`)));

  const over = new AbortController();
  const watch = async () => {
    while (!over.signal.aborted) {
      const rows = (await testbed.rowsWritten()) - writtenBefore;
      // The process may be ending at this moment.
      if (child.connected) child.send({ rows } satisfies LoadNews, () => undefined);
      samples.push({ atMs: performance.now(), lag: accepted - rows });
      if (from !== undefined) onDone((performance.now() - from.atMs) / 1_000);
      await delay(POLL_INTERVAL_MS[plan.pace.kind], undefined, { signal: over.signal }).catch(
        () => undefined,
      );
    }
  };
  const watching = watch();
  const result = await ended.promise.finally(() => over.abort());
  await watching;
  await until(async () => (await testbed.rowsWritten()) - writtenBefore >= result.accepted, {
    what: `${result.accepted} accepted events are rows`,
    timeoutMs: DRAIN_TIMEOUT_MS,
  });
  const after = await testbed.rowsInTable();
  if (from === undefined || to === undefined) throw new Error("the load measured nothing");
  const { atMs: fromMs, rows: rowsFrom } = from;
  const { atMs: toMs, rows: rowsTo } = to;
  return {
    ...result,
    delivered: (await rowsTo) - (await rowsFrom),
    cpu: difference(to.cpu, from.cpu),
    memory: to.memory,
    peakMemory: to.peakMemory,
    lag: samples
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .map(({ atMs, lag }) => [(atMs - fromMs) / 1_000, lag] as const),
    rows: after.rows - before.rows,
    doubled: after.doubled - before.doubled,
  };
}

type Snapshot = {
  readonly atMs: number;
  readonly cpu: PerParty;
  readonly memory: PerParty;
  readonly peakMemory: PerParty;
  readonly rows: Promise<number>;
};
