import { describe, expect, it } from "@jest/globals";
import { sampleEvent, uuidOf } from "../testing/sample-event.ts";
import { ANOMALY_FROM } from "./anomaly.ts";
import { createPartitionWindow } from "./partition-window.ts";

type Labelled = { latency_ms: number; packet_loss: number; isAnomaly: boolean };

/**
 * A node's day as the simulator's probes have it: a daily rhythm, jitter with a long tail, a little loss
 * now and then; and labelled spikes of latency and bursts of loss, one to three records long.
 */
function series(length: number, seed: number): Labelled[] {
  let state = seed;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const base = 20 + random() * 200;
  let spike = { left: 0, times: 0, loss: 0 };
  return Array.from({ length }, (_, at) => {
    if (spike.left === 0 && random() < 0.01) {
      const isLoss = random() < 0.4;
      spike = {
        left: 1 + Math.floor(random() * 3),
        times: isLoss ? 1 : 1.5 + random() * 3,
        loss: isLoss ? 15 + random() * 60 : 0,
      };
    }
    const isAnomaly = spike.left > 0;
    if (isAnomaly) spike.left--;
    const rhythm = 1 + 0.15 * Math.sin((at / 1_440) * 2 * Math.PI);
    const jitter = Math.exp(0.06 * normal());
    return {
      latency_ms: base * rhythm * jitter * (isAnomaly ? spike.times : 1),
      packet_loss: (random() < 0.05 ? random() * 2 : 0) + (isAnomaly ? spike.loss : 0),
      isAnomaly,
    };
  });
}

describe("anomaly score", () => {
  it("finds nearly all labelled anomalies of a synthetic series, with few false alarms", () => {
    const tally = { found: 0, missed: 0, falseAlarms: 0 };
    for (let node = 1; node <= 20; node++) {
      const window = createPartitionWindow({
        maxNodes: 10,
        clockMs: 0,
        openAlerts: [],
        countEvicted: () => undefined,
        nowMs: Date.now,
      });
      series(2_000, node * 7_919).forEach(({ isAnomaly, ...measured }, at) => {
        const event = sampleEvent({ ...measured, event_id: uuidOf(at) });
        const { anomaly } = window.judge(event, { offset: at, timeMs: at * 10_000 });
        if (anomaly === undefined) return;
        const isFound = anomaly.score >= ANOMALY_FROM;
        if (isAnomaly) tally[isFound ? "found" : "missed"]++;
        else if (isFound) tally.falseAlarms++;
      });
    }
    const precision = tally.found / (tally.found + tally.falseAlarms);
    const recall = tally.found / (tally.found + tally.missed);
    // Reported so that a change of the score shows what it does.
    process.stdout.write(
      `anomaly score: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)} ${JSON.stringify(tally)}\n`,
    );
    expect(precision).toBeGreaterThan(0.9);
    expect(recall).toBeGreaterThan(0.8);
  });
});
