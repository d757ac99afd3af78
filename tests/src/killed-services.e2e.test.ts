import { simulate } from "@fiberstream/simulator/simulate";
import { createTally } from "@fiberstream/simulator/load/tally";
import type { ServiceName } from "@fiberstream/runtime/services";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { simulationOn } from "./platform/simulated.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

/** Kafka reassigns a killed consumer's partitions after 10 s; then the backlog is processed. */
const RECOVERY_TIMEOUT_MS = 40_000;

describe("each service, killed and restarted in turn under load", () => {
  it("loses and duplicates no accepted event", async () => {
    const loadOver = new AbortController();
    const tally = createTally();
    const summary = simulate(simulationOn(platform, { rate: 40, stallMs: RECOVERY_TIMEOUT_MS }), {
      tally,
      stopping: loadOver.signal,
    });
    try {
      await rowsOfNow("before anything was killed");
      for (const name of ["ingest-gateway", "stream-processor", "sink-writer"] as const) {
        await killAndRestart(name);
      }
    } finally {
      loadOver.abort();
    }

    const { accepted, reasons, verified } = await summary;
    expect(accepted).toBeGreaterThan(1_000);
    // Senders notice only the restart of the gateway, not those of the other services.
    for (const reason of Object.keys(reasons)) {
      expect(reason).toMatch(
        /^no answer \((ECONNRESET|ECONNREFUSED|EPIPE)\)$|^503 KAFKA_UNAVAILABLE$/,
      );
    }
    expect(verified).toMatchObject({ rows: accepted, lost: 0, doubled: 0, altered: 0 });
  }, 180_000);
});

async function killAndRestart(name: ServiceName): Promise<void> {
  await platform.service(name).kill("SIGKILL");
  await platform.restart(name);
  await rowsOfNow(`after ${name} was killed and started again`);
}

/** Waits until new events are in the table. */
async function rowsOfNow(when: string): Promise<void> {
  const now = new Date();
  await until(
    async () => (await platform.query("SELECT FROM metrics WHERE time > $1 LIMIT 1", [now])).length,
    { what: `new events become rows ${when}`, timeoutMs: RECOVERY_TIMEOUT_MS },
  );
}
