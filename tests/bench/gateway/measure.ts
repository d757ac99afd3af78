import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RunningService } from "@fiberstream/testkit/service";
import { cpuSecondsOf, peakRssMb } from "../harness/process-cost.ts";
import type { Drive, Driven, Scenario } from "./scenarios.ts";

export type Measured = {
  readonly name: string;
  readonly keys: boolean;
  readonly requestsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly cpuUsPerEvent: number;
  /** CPU of the gateway in percent of a core. */
  readonly cpuPercent: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly peakRssMb: number;
  /** Answers other than 202, by status. */
  readonly others: Readonly<Record<string, number>>;
};

const DRIVER = fileURLToPath(new URL("drive.ts", import.meta.url));
const run = promisify(execFile);

/**
 * Sends to a gateway from a separate process.
 * @param how.rate requests per second; undefined: as many as possible
 */
export async function measure(
  gateway: RunningService,
  scenario: Scenario,
  how: { name: string; token: string | undefined; seconds: number; rate?: number | undefined },
): Promise<Measured> {
  const { name, token, seconds, rate } = how;
  const { hostname: host, port } = new URL(gateway.url);
  const drive: Drive = { ...scenario, host, port: Number(port), token, seconds, rate };
  const cpuBefore = cpuSecondsOf(gateway.pid);
  const { stdout } = await run(process.execPath, [DRIVER, JSON.stringify(drive)]);
  const driven = JSON.parse(stdout) as Driven;
  const cpuSeconds = cpuSecondsOf(gateway.pid) - cpuBefore;
  const { "202": accepted = 0, ...others } = driven.statuses;
  const events = accepted * scenario.eventsPerRequest;
  return {
    name,
    keys: token !== undefined,
    requestsPerSecond: driven.requests / driven.seconds,
    eventsPerSecond: events / driven.seconds,
    cpuUsPerEvent: (cpuSeconds * 1e6) / events,
    cpuPercent: (cpuSeconds / driven.seconds) * 100,
    p50Ms: driven.p50Ms,
    p95Ms: driven.p95Ms,
    p99Ms: driven.p99Ms,
    peakRssMb: peakRssMb(gateway.pid),
    others,
  };
}
