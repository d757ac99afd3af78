import { beforeEach, describe, expect, it } from "@jest/globals";
import { consume } from "./consume.ts";
import { consumeBatches } from "./consume-batches.ts";
import { readRange } from "./read-range.ts";
import type { From } from "./from.ts";
import { createTestTopic, momentBetween, type TestTopic } from "../testing/test-topic.ts";
import { UndecodableError } from "../records/topic-record.ts";

let at: TestTopic;
beforeEach(async () => {
  at = await createTestTopic();
});

const topic = "probe.metrics.enriched";

/** Returns the nodes of the first records of a group. At the last of them the loop ends in the given way. */
async function nodesSeen(options: {
  group: string;
  count: number;
  leave: "break" | "abort";
  from?: From;
}): Promise<string[]> {
  const { group, count, leave, from = "earliest" } = options;
  const stopping = new AbortController();
  const nodes: string[] = [];
  for await (const { value } of consume({
    cluster: at.cluster,
    topic,
    group,
    from,
    signal: stopping.signal,
  })) {
    nodes.push(value.node_id);
    if (nodes.length < count) continue;
    if (leave === "break") break;
    stopping.abort();
  }
  return nodes;
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => String(from + index));

describe("consume", () => {
  it("resumes after the current record if its signal was aborted, and with the current record after a break", async () => {
    await at.write({ from: 0, count: 20 });
    const group = `${at.cluster.namespace}loop`;
    expect(await nodesSeen({ group, count: 5, leave: "abort" })).toEqual(numbers(0, 5));
    expect(await nodesSeen({ group, count: 5, leave: "break" })).toEqual(numbers(5, 10));
    expect(await nodesSeen({ group, count: 11, leave: "abort" })).toEqual(numbers(9, 20));
  });

  it("begins at a time or at an offset if the group has no committed offset", async () => {
    await at.write({ from: 0, count: 5 });
    const between = await momentBetween();
    await at.write({ from: 5, count: 5 });
    const timed = { group: `${at.cluster.namespace}timed`, from: between };
    expect(await nodesSeen({ ...timed, count: 2, leave: "abort" })).toEqual(["5", "6"]);
    expect(await nodesSeen({ ...timed, count: 3, leave: "abort" })).toEqual(["7", "8", "9"]);
    const placed = { group: `${at.cluster.namespace}placed`, from: { 0: 3n } };
    expect(await nodesSeen({ ...placed, count: 2, leave: "abort" })).toEqual(["3", "4"]);
  });

  it("throws at a record that it cannot decode, or reports and skips it", async () => {
    await at.write({ from: 0, count: 2 });
    await at.writeBytes(Buffer.from("not Avro"));
    await at.write({ from: 2, count: 1 });
    const group = `${at.cluster.namespace}strict`;
    await expect(nodesSeen({ group, count: 99, leave: "abort" })).rejects.toThrow(UndecodableError);

    const told: UndecodableError[] = [];
    const nodes: string[] = [];
    const reading = { cluster: at.cluster, topic, onUndecodable: told.push.bind(told) } as const;
    for await (const { value } of readRange(reading)) nodes.push(value.node_id);
    expect(nodes).toEqual(["0", "1", "2"]);
    expect(told).toMatchObject([{ partition: 0, offset: 3n }]);
  });
});

describe("a missing topic", () => {
  it("is named, with possible reasons", async () => {
    const cluster = { ...at.cluster, namespace: "nobodys." };
    const message = "the topic nobodys.probe.metrics.enriched does not exist";
    await expect(consume({ cluster, topic, group: "any" }).next()).rejects.toThrow(message);
    await expect(readRange({ cluster, topic }).next()).rejects.toThrow(message);
  });
});

describe("consume in batches", () => {
  it("throws the handler's error, and delivers the batch again to the next consumer", async () => {
    await at.write({ from: 0, count: 10 });
    const options = {
      cluster: at.cluster,
      topic,
      group: `${at.cluster.namespace}batches`,
    } as const;
    const failing = consumeBatches({
      ...options,
      onBatch: () => {
        throw new Error("the handler's own");
      },
    });
    await expect(failing).rejects.toThrow("the handler's own");

    const stopping = new AbortController();
    const nodes: string[] = [];
    await consumeBatches({
      ...options,
      signal: stopping.signal,
      onBatch: (records) => {
        nodes.push(...records.map(({ value }) => value.node_id));
        if (nodes.length === 10) stopping.abort();
      },
    });
    expect(nodes).toEqual(numbers(0, 10));
  });
});

describe("read a range", () => {
  it("yields the records of the range, and ends", async () => {
    await at.write({ from: 0, count: 3 });
    const from = await momentBetween();
    await at.write({ from: 3, count: 3 });
    await at.write({ from: 6, count: 3, partition: 1 });
    const to = await momentBetween();
    await at.write({ from: 9, count: 3 });
    const nodes: string[] = [];
    const range = { cluster: at.cluster, topic, from, to } as const;
    for await (const { value, writtenAt } of readRange(range)) {
      nodes.push(value.node_id);
      expect(writtenAt.getTime()).toBeGreaterThan(from.getTime());
      expect(writtenAt.getTime()).toBeLessThan(to.getTime());
    }
    expect(nodes).toEqual(numbers(3, 9));
  });
});
