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

/** Kafka gives a killed consumer's partitions away after 10 s; then what has piled up is worked off. */
const RECOVERS_WITHIN_MS = 40_000;

describe("each service killed in turn under load, and started again", () => {
  it("loses and doubles nothing of what was accepted", async () => {
    const loadOver = new AbortController();
    const tally = createTally();
    const summary = simulate(simulationOn(platform, { rate: 40, stallMs: RECOVERS_WITHIN_MS }), {
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
    // Senders saw the gateway's end and its start, and nothing of the other two.
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

/** Waits until events that are sent from now on are in the table. */
async function rowsOfNow(when: string): Promise<void> {
  const now = new Date();
  await until(
    async () => (await platform.query("SELECT FROM metrics WHERE time > $1 LIMIT 1", [now])).length,
    { what: `new events become rows ${when}`, timeoutMs: RECOVERS_WITHIN_MS },
  );
}
