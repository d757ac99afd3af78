import { describe, expect, it } from "@jest/globals";
import type { RawEvent } from "../decode/raw-event.ts";
import { sampleEvent, uuidOf } from "../testing/sample-event.ts";
import { WINDOW_MS } from "./node-window.ts";
import { AHEAD_MS, createPartitionWindow, type PartitionWindow } from "./partition-window.ts";
import { readCheckpoint, writeCheckpoint } from "./window-checkpoint.ts";

const START_MS = 1_790_000_000_000;

function window(options: { maxNodes?: number; clockMs?: number; nowMs?: () => number } = {}) {
  let evicted = 0;
  const made = createPartitionWindow({
    maxNodes: 1_000,
    clockMs: 0,
    openAlerts: [],
    countEvicted: () => evicted++,
    nowMs: () => Infinity,
    ...options,
  });
  return Object.assign(made, { evicted: () => evicted });
}
const judge = (on: PartitionWindow, event: RawEvent, offset: number, timeMs: number) =>
  on.judge(event, { offset, timeMs });

describe("partition window", () => {
  it("recognizes a duplicate for 10 minutes, by id and content", () => {
    const windows = window();
    const event = sampleEvent({});
    const other = sampleEvent({ latency_ms: 50 });
    expect(judge(windows, event, 0, START_MS).isDuplicate).toBe(false);
    expect(judge(windows, other, 1, START_MS + 1).isDuplicate).toBe(false);
    expect(judge(windows, event, 2, START_MS + 2).isDuplicate).toBe(true);
    expect(judge(windows, event, 3, START_MS + WINDOW_MS + 3).isDuplicate).toBe(false);
  });

  it("recognizes duplicates among the last 60 records of a node, and no further", () => {
    const windows = window();
    const event = (number: number) => sampleEvent({ event_id: uuidOf(number) });
    for (let number = 0; number <= 60; number++) judge(windows, event(number), number, START_MS);
    expect(judge(windows, event(1), 61, START_MS).isDuplicate).toBe(true);
    expect(judge(windows, event(0), 62, START_MS).isDuplicate).toBe(false);
  });

  it("scores an event by its own node's window only", () => {
    const windows = window();
    const measured = (node_id: string, latency_ms: number, number: number) =>
      sampleEvent({ node_id, latency_ms, event_id: uuidOf(number) });
    for (let number = 0; number < 20; number++) {
      judge(windows, measured("near", 10 + (number % 3), number), number, START_MS);
      judge(windows, measured("far", 200 + (number % 3), 100 + number), number, START_MS);
    }
    const near = judge(windows, measured("near", 200, 990), 50, START_MS).anomaly;
    const far = judge(windows, measured("far", 200, 991), 51, START_MS).anomaly;
    expect(near).toMatchObject({ reason: "latency" });
    expect(near?.score).toBeGreaterThan(0.9);
    expect(far).toMatchObject({ reason: null });
  });

  it("scores an outage by its packet loss, and leaves it out of the latencies", () => {
    const windows = window();
    let offset = 0;
    const measure = (latency_ms: number | null) => {
      const packet_loss = latency_ms === null ? 100 : 0;
      const event = sampleEvent({ latency_ms, packet_loss, event_id: uuidOf(offset) });
      return judge(windows, event, offset++, START_MS).anomaly;
    };
    for (let number = 0; number < 20; number++) measure(10 + (number % 2));
    for (let number = 0; number < 5; number++) {
      expect(measure(null)).toMatchObject({
        latencyMeanMs: 10.5,
        latencyStddevMs: 0.5,
        latencyZ: null,
        isLossSpike: number < 2,
        reason: number < 2 ? "packet_loss" : null,
      });
    }
    expect(measure(10.5)).toMatchObject({ latencyMeanMs: 10.5, latencyZ: 0, score: 0 });
  });

  it("has no mean latency if too few records have a latency", () => {
    const windows = window();
    let offset = 0;
    const measure = (latency_ms: number | null) => {
      const event = sampleEvent({ latency_ms, packet_loss: 100, event_id: uuidOf(offset) });
      return judge(windows, event, offset++, START_MS).anomaly;
    };
    for (let number = 0; number < 20; number++) measure(null);
    expect(measure(40)).toMatchObject({ latencyMeanMs: null, latencyZ: null, score: 0 });
    expect(measure(null)).toMatchObject({ latencyStddevMs: null, isLossSpike: false });
  });

  it("forgets the alerts that were opened first when the number of nodes grows without end", () => {
    const windows = window({ maxNodes: 100 });
    let offset = 0;
    const send = (node_id: string, packet_loss: number) => {
      const event = sampleEvent({ node_id, packet_loss, event_id: uuidOf(offset) });
      return judge(windows, event, offset++, START_MS).alerts.map(({ state }) => state);
    };
    const sendFive = (node: number, packetLoss: number) =>
      Array.from({ length: 5 }, () => send(`n-${node}`, packetLoss)).flat();
    for (let node = 0; node < 150; node++) expect(sendFive(node, 100)).toEqual(["opened"]);
    expect(sendFive(149, 0)).toEqual(["resolved"]);
    expect(sendFive(50, 0)).toEqual(["resolved"]);
    expect(sendFive(49, 0)).toEqual([]);
    expect(sendFive(0, 0)).toEqual([]);
  });

  it("gives the same output, whenever its owner changes", () => {
    const log = makeLog(1_500);
    const whole = outputs(window(), log, 0);
    for (const cut of [1, 137, 700, 1_234, 1_499]) {
      const first = window();
      outputs(first, log.slice(0, cut), 0);
      const checkpoint = readCheckpoint(
        writeCheckpoint({
          from: first.neededFrom(BigInt(cut)),
          clockMs: first.clockMs(),
          ledger: undefined,
          partitions: undefined,
        }),
      );
      const from = Number(checkpoint?.from);
      const second = window({ clockMs: checkpoint?.clockMs ?? 0 });
      log.slice(from, cut).forEach(({ event, timeMs }, index) => {
        second.replay(event, { offset: from + index, timeMs });
      });
      expect(outputs(second, log.slice(cut), cut)).toEqual(whole.slice(cut));
    }
  });

  const HOUR_MS = 3_600_000;

  it("ignores the timestamp of a record from the future, and counts the record", () => {
    let nowMs = START_MS;
    const windows = window({ nowMs: () => nowMs });
    const event = (number: number) => sampleEvent({ event_id: uuidOf(number) });
    judge(windows, event(0), 0, nowMs);
    judge(windows, event(1), 1, nowMs + 50 * 60_000);
    for (const number of [0, 1]) {
      expect(judge(windows, event(number), 2 + number, nowMs + 1).isDuplicate).toBe(true);
    }
    expect(windows.takeAhead()).toBe(1);
    expect(windows.takeAhead()).toBe(0);
    // It is forgotten as all that stands around it is.
    nowMs += WINDOW_MS + 2;
    expect(judge(windows, event(1), 4, nowMs).isDuplicate).toBe(false);
    expect(windows.clockMs()).toBe(nowMs);
  });

  it("accepts a timestamp that is ahead by at most the allowed difference of clocks", () => {
    const windows = window({ nowMs: () => START_MS });
    judge(windows, sampleEvent({}), 0, START_MS + AHEAD_MS);
    expect(windows.clockMs()).toBe(START_MS + AHEAD_MS);
    judge(windows, sampleEvent({}), 1, START_MS + AHEAD_MS + 1);
    expect(windows.clockMs()).toBe(START_MS + AHEAD_MS);
  });

  describe("with some records an hour ahead", () => {
    const log = makeLog(600).map(({ event, timeMs }, at) => ({
      event,
      timeMs: at % 50 === 0 ? timeMs + HOUR_MS : timeMs,
    }));
    /** The output of each record from `from` on, where it is judged `laterMs` after it came. */
    const judged = (from: number, on: (nowMs: () => number) => PartitionWindow, laterMs = 0) => {
      let at = from;
      const windows = on(() => START_MS + at * 2_000 + laterMs);
      return log.slice(from).map(({ event, timeMs }) => {
        const { isDuplicate, anomaly } = judge(windows, event, at, timeMs);
        at++;
        return { isDuplicate, anomaly };
      });
    };
    const whole = judged(0, (nowMs) => window({ nowMs }));
    /** What the next owner says, whose clock, or whose start, is `laterMs` later. */
    const takenOver = (cut: number, laterMs: number) => {
      const first = window({ nowMs: () => START_MS + cut * 2_000 });
      outputs(first, log.slice(0, cut), 0);
      const from = Number(first.neededFrom(BigInt(cut)));
      const second = (nowMs: () => number) => {
        const windows = window({ clockMs: first.clockMs(), nowMs });
        log.slice(from, cut).forEach(({ event, timeMs }, index) => {
          windows.replay(event, { offset: from + index, timeMs });
        });
        return windows;
      };
      return judged(cut, second, laterMs);
    };

    it.each([137, 300, 451])("gives the same output if its owner changes at %i", (cut) => {
      expect(takenOver(cut, 0)).toEqual(whole.slice(cut));
    });

    it.each([137, 325, 451])(
      "replays the records that were ahead at %i when their time has come",
      (cut) => {
        // Up to the next one, which is believed now.
        const next = Math.ceil(cut / 50) * 50;
        expect(takenOver(cut, 2 * HOUR_MS).slice(0, next - cut)).toEqual(whole.slice(cut, next));
      },
    );

    it("misses no duplicate if the next owner's clock is an hour behind", () => {
      const found = takenOver(300, -HOUR_MS);
      const missed = whole
        .slice(300)
        .filter(({ isDuplicate }, at) => isDuplicate && found[at]?.isDuplicate !== true);
      expect(missed).toEqual([]);
      expect(whole.slice(300).some(({ isDuplicate }) => isDuplicate)).toBe(true);
    });
  });

  it("ignores a checkpoint's clock that is ahead, and uses that of the records", () => {
    const event = (number: number) => sampleEvent({ event_id: uuidOf(number) });
    const windows = window({ clockMs: START_MS + HOUR_MS, nowMs: () => START_MS });
    windows.replay(event(0), { offset: 0, timeMs: START_MS - 1_000 });
    windows.replay(event(1), { offset: 1, timeMs: START_MS + HOUR_MS });
    for (const number of [0, 1]) {
      expect(judge(windows, event(number), 2 + number, START_MS).isDuplicate).toBe(true);
    }
    expect(windows.clockMs()).toBe(START_MS);
  });

  it("evicts a node that was silent lately when it has too many nodes", () => {
    const windows = window({ maxNodes: 3 });
    const event = (node_id: string) => sampleEvent({ node_id });
    const nodes = ["a", "b", "c", "a", "d", "a", "e", "a"];
    const repeats = nodes.map((node, at) => judge(windows, event(node), at, START_MS).isDuplicate);
    expect(repeats).toEqual([false, false, false, true, false, true, false, true]);
    expect(judge(windows, event("d"), 8, START_MS).isDuplicate).toBe(true);
    expect(judge(windows, event("b"), 9, START_MS).isDuplicate).toBe(false);
    expect(windows.evicted()).toBe(3);
  });

  it("does not scan all nodes for each new one", () => {
    const maxNodes = 20_000;
    const windows = window({ maxNodes });
    const judgeNodes = (from: number, count: number) => {
      const events = Array.from({ length: count }, (_, at) =>
        sampleEvent({ node_id: `node-${from + at}` }),
      );
      const before = process.cpuUsage();
      events.forEach((event, at) => judge(windows, event, from + at, START_MS));
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const filling = judgeNodes(0, maxNodes);
    // 20,000 looks at 20,000 windows take some hundred times what filling takes.
    expect(judgeNodes(maxNodes, maxNodes)).toBeLessThan(30 * filling);
    expect(windows.evicted()).toBe(maxNodes);
  });

  it("keeps at most the allowed number of nodes, and forgets silent ones without counting them as evicted", () => {
    const windows = window({ maxNodes: 10 });
    const event = (number: number) => sampleEvent({ node_id: `node-${number}` });
    for (let number = 0; number < 12; number++) judge(windows, event(number), number, START_MS);
    expect(windows.nodes()).toBe(10);
    expect(windows.evicted()).toBe(2);
    judge(windows, event(20), 20, START_MS + 2 * WINDOW_MS);
    expect(windows.nodes()).toBe(1);
    expect(windows.evicted()).toBe(2);
  });
});

const outputs = (
  on: PartitionWindow,
  log: readonly { event: RawEvent; timeMs: number }[],
  from: number,
) =>
  log.map(({ event, timeMs }, index) => {
    const { isDuplicate, anomaly } = judge(on, event, from + index, timeMs);
    return { isDuplicate, anomaly };
  });

/** Busy, slow and pausing nodes, repeats, and timestamps that are out of order by up to a minute. */
function makeLog(length: number) {
  let seed = 7;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const log: { event: RawEvent; timeMs: number }[] = [];
  for (let number = 0; number < length; number++) {
    const repeated = random() < 0.05 ? log[Math.floor(random() * log.length)] : undefined;
    const node = random() < 0.5 ? 0 : Math.floor(random() * 40);
    const timeMs = START_MS + number * 2_000 - Math.floor(random() * 60_000);
    const event = sampleEvent({
      node_id: `node-${node}`,
      event_id: uuidOf(number),
      latency_ms: 20 + node + random() * 5 + (random() < 0.02 ? 300 : 0),
    });
    log.push({ event: repeated?.event ?? event, timeMs });
  }
  return log;
}
