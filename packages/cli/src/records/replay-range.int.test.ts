import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { addresses } from "@fiberstream/testkit/addresses";
import { type ReadRecord, readTopic } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { targetOf } from "../commands/replay-range.ts";
import { type RangeOptions, replayRange } from "./replay-range.ts";
import { openSampleTopics, type SampleTopics } from "../testing/sample-topic.ts";
import { namedTopic } from "./topic-access.ts";
import { compileWhere } from "@fiberstream/conditions/where";

const ENRICHED = "probe.metrics.enriched";
const FROM_MS = Date.now() - 7_200_000;
const RANGE = { fromMs: FROM_MS, toMs: FROM_MS + 60_000 };
const COUNT = 1_200;

let life: Life;
let topics: SampleTopics;
beforeAll(async () => {
  life = createLife();
  topics = await openSampleTopics(life);
  // All of one node, and so in one partition. The last ones are outside of the range, except the very last.
  const times = [
    ...Array.from({ length: COUNT }, (_, at) => FROM_MS + at),
    RANGE.toMs,
    RANGE.toMs - 1,
  ];
  const records = times.map((timestampMs, at) =>
    topics.record(
      ENRICHED,
      { node_id: "accra-1", latency_ms: at },
      { timestampMs, headers: { traceparent: `00-${at}` } },
    ),
  );
  await topics.send(topicIn(topics.access.namespace, ENRICHED), await Promise.all(records));
});
afterAll(() => life.stop());

const ALL: RangeOptions = {
  range: RANGE,
  where: undefined,
  dryRun: false,
  limit: undefined,
  fromStart: false,
  onProgress: ({ processed, total }) => expect(processed).toBeLessThanOrEqual(total),
  stopping: new AbortController().signal,
};

const source = () => namedTopic(topics.access.namespace, ENRICHED);
const create = (name: string) =>
  targetOf(topics.access, source().topic, {
    into: `${topics.access.namespace}${name}`,
    create: true,
    force: false,
  });
const copy = (into: string, options: Partial<RangeOptions> = {}) =>
  replayRange(topics.access, { source: source(), into }, { ...ALL, ...options });

async function recordsIn(topic: string, count: number): Promise<readonly ReadRecord[]> {
  const reading = await readTopic(addresses.kafkaBrokers, topic);
  try {
    await until(() => reading.records.length >= count, {
      what: `${count} records are in ${topic}`,
    });
    return reading.records;
  } finally {
    await reading.close();
  }
}

describe("fiber replay-range", () => {
  it("copies exactly the range, unchanged except for headers with the original positions", async () => {
    const into = await create("backfill");
    expect(await copy(into, { dryRun: true })).toEqual({ copied: COUNT + 1, done: 0 });
    expect(await copy(into)).toEqual({ copied: COUNT + 1, done: 0 });
    const [copied, originals] = [
      await recordsIn(into, COUNT + 1),
      await recordsIn(source().topic, COUNT + 2),
    ];
    expect(copied).toHaveLength(COUNT + 1);
    const wanted = originals.filter((_, at) => at !== COUNT);
    expect(copied.map(({ value }) => value)).toEqual(wanted.map(({ value }) => value));
    const [first, last] = [copied[0], copied.at(-1)];
    expect(first).toMatchObject({ key: wanted[0]?.key, partition: wanted[0]?.partition });
    expect(last?.headers).toEqual({
      traceparent: `00-${COUNT + 1}`,
      "fiber.replay.topic": source().topic,
      "fiber.replay.partition": String(wanted[0]?.partition),
      "fiber.replay.offset": String(COUNT + 1),
    });
  });

  it("resumes where it was interrupted, and copies nothing twice", async () => {
    const into = await create("again");
    expect(await copy(into, { limit: 700 })).toMatchObject({ copied: 700 });
    expect(await copy(into)).toEqual({ copied: COUNT + 1 - 700, done: 700 });
    expect(await copy(into)).toMatchObject({ copied: 0 });
    expect(await copy(into, { fromStart: true, limit: 1 })).toEqual({ copied: 1, done: 0 });
    expect(await recordsIn(into, COUNT + 2)).toHaveLength(COUNT + 2);
  });

  it("copies records that match a condition", async () => {
    const text = "latency_ms >= 10 and latency_ms < 30";
    const where = { text, isWanted: compileWhere(text) };
    expect(await copy(await create("some"), { where })).toMatchObject({ copied: 20 });
  });

  it("does not copy to topics of FiberStream, to the source, or to a missing topic", async () => {
    const to = (into: string, force = false) =>
      targetOf(topics.access, source().topic, { into, create: false, force });
    await expect(to("probe.metrics.raw")).rejects.toThrow("is a topic of FiberStream");
    expect(await to("probe.metrics.raw", true)).toBe(
      topicIn(topics.access.namespace, "probe.metrics.raw"),
    );
    await expect(to(ENRICHED, true)).rejects.toThrow("each of its records would be in it twice");
    await expect(to("not.there")).rejects.toThrow("there is no topic not.there");
  });
});
