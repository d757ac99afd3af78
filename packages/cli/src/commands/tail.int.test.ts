import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import type { TopicName } from "@fiberstream/schemas/topics";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { describeTopic, renderTopic } from "./topics/describe.ts";
import { wantedBy } from "./tail.ts";
import { createRecordOutput, type OutputFormat } from "../records/record-output.ts";
import { namesIn, type SeenRecord } from "../records/decoded-record.ts";
import { tailTopic, type TailOptions } from "../records/tail-topic.ts";
import { openSampleTopics, type SampleTopics } from "../testing/sample-topic.ts";
import { namedTopic } from "../records/topic-access.ts";

const run = promisify(execFile);
const NOON_MS = Date.now() - 3_600_000;
const ENRICHED = "probe.metrics.enriched";

let life: Life;
let topics: SampleTopics;
beforeAll(async () => {
  life = createLife();
  topics = await openSampleTopics(life);
  const records = [
    { node_id: "accra-1", country: "GH", latency_ms: 250.5, timestamp: 1_790_000_000_123_456 },
    { node_id: "accra-2", country: "GH", latency_ms: 20, quality: "late" },
    { node_id: "nairobi-1", country: "KE", latency_ms: 300, anomaly_score: 0.9 },
  ].map((fields, place) =>
    topics.record(ENRICHED, fields, { timestampMs: NOON_MS + place * 60_000 }),
  );
  await topics.send(topicIn(topics.access.namespace, ENRICHED), await Promise.all(records));
});
afterAll(() => life.stop());

const SO_FAR: TailOptions = {
  from: "beginning",
  untilMs: NOON_MS + 3_600_000,
  limit: undefined,
  isWanted: () => true,
  stopping: new AbortController().signal,
  onUnavailable: (reason) => expect(reason).toBe("never unavailable"),
};

async function tail(name: TopicName, options: Partial<TailOptions> = {}): Promise<SeenRecord[]> {
  const seen: SeenRecord[] = [];
  const topic = namedTopic(topics.access.namespace, name);
  for await (const records of tailTopic(topics.access, topic, { ...SO_FAR, ...options })) {
    seen.push(...records);
  }
  return seen;
}
const nodesOf = (records: readonly SeenRecord[]) =>
  records.map(({ key }) => key ?? "").toSorted((a, b) => a.localeCompare(b));
const wanted = (filter: Parameters<typeof wantedBy>[0]) => wantedBy(filter, namesIn(ENRICHED));
const shown = (format: OutputFormat, records: readonly SeenRecord[], columns?: readonly string[]) =>
  createRecordOutput({ format, columns, isColoured: false })(records);

describe("fiber tail", () => {
  it.each([
    [{ isWanted: wanted({ country: "GH" }) }, ["accra-1", "accra-2"]],
    [{ isWanted: wanted({ node: "accra-2" }) }, ["accra-2"]],
    [{ isWanted: wanted({ country: "GH", where: "latency_ms > 200" }) }, ["accra-1"]],
    [{ from: NOON_MS + 60_000 }, ["accra-2", "nairobi-1"]],
    [{ untilMs: NOON_MS + 60_000 }, ["accra-1"]],
    [{ from: NOON_MS + 60_000, untilMs: NOON_MS + 120_000 }, ["accra-2"]],
  ])("shows the matching records of a time range: %#", async (options, nodes) => {
    expect(nodesOf(await tail(ENRICHED, options))).toEqual(nodes);
  });

  it("ends at a limit, and when it is stopped", async () => {
    expect(await tail(ENRICHED, { limit: 2, untilMs: undefined })).toHaveLength(2);
    const stop = new AbortController();
    const tailing = tail(ENRICHED, { from: "now", untilMs: undefined, stopping: stop.signal });
    stop.abort();
    expect(await tailing).toEqual([]);
  });

  it("shows records that arrive after its start, and leaves no group behind", async () => {
    const seen: SeenRecord[] = [];
    const stop = new AbortController();
    const name = namedTopic(topics.access.namespace, "probe.alerts");
    const options = { ...SO_FAR, from: "now", untilMs: undefined, stopping: stop.signal } as const;
    const tailing = (async () => {
      for await (const records of tailTopic(topics.access, name, options)) seen.push(...records);
    })();
    await until(
      async () => {
        await topics.send(name.topic, [await topics.record("probe.alerts", { state: "opened" })]);
        return seen.length > 0;
      },
      { what: "an alert is shown" },
    );
    stop.abort();
    await tailing;
    expect(shown("table", seen)).toMatch(/AT .*KIND .*STATE/);
    expect((await describeTopic(topics.access, name)).groups).toEqual([]);
  });

  it("shows tables, JSON and CSV, with times to the microsecond", async () => {
    const records = await tail(ENRICHED, { isWanted: wanted({ node: "accra-1" }) });
    expect(shown("table", records)).toMatch(
      /^TIMESTAMP +NODE_ID .*\n2026-09-21T14:13:20\.123456Z +accra-1 +GH +250\.5 /,
    );
    expect(JSON.parse(shown("json", records))).toMatchObject({
      key: "accra-1",
      timestamp: new Date(NOON_MS).toISOString(),
      value: { timestamp: "2026-09-21T14:13:20.123456Z", node_tags: { site: "airport" } },
    });
    expect(shown("csv", records, ["key", "node_tags", "target_host"])).toBe(
      'key,node_tags,target_host\naccra-1,"{""site"":""airport""}",one.example.net\n',
    );
  });

  it("does not let a probe's text move the cursor of the terminal", async () => {
    const [record] = await tail(ENRICHED, { limit: 1 });
    const hostile = { ...record, fields: { node_id: "\u001B[2Jx" } } as SeenRecord;
    expect(shown("table", [hostile], ["node_id"])).toBe("NODE_ID\n\\u001b[2Jx\n");
  });

  it("shows nodes, also deleted ones, and dead letters with their records", async () => {
    const { namespace } = topics.access;
    const node = await topics.record("probe.nodes", { node_id: "accra-1" });
    await topics.send(topicIn(namespace, "probe.nodes"), [node, { ...node, value: null }]);
    const nodes = shown("table", await tail("probe.nodes", { untilMs: Date.now() }));
    expect(nodes).toMatch(/UPDATED_AT .*\n2026-.* accra-1 .*\naccra-1 is deleted\n/);

    const raw = await topics.record("probe.metrics.raw", { country: "GH" });
    const deadLetter = deadLetterOf(
      {
        offset: "17",
        key: Buffer.from("accra-1"),
        value: raw.value,
        timestamp: raw.timestamp ?? "",
      },
      { topic: "raw", partition: 3, groupId: "g", service: "stream-processor", stage: "decode" },
      { failureClass: "too-old", message: "too old" },
      new Date(),
    );
    const name = "probe.metrics.dead-letter";
    await topics.send(topicIn(namespace, name), [
      deadLetter,
      { key: "x", value: Buffer.from("?") },
    ]);
    const isWanted = wantedBy(
      { country: "GH", where: 'failure_class = "too-old" and record.latency_ms > 1' },
      namesIn(name),
    );
    const deadLetters = await tail(name, { untilMs: Date.now(), isWanted });
    expect(shown("table", deadLetters)).toMatch(
      /FAILED_AT .*\n\S+ +too-old +raw +3 +17 +too old\n/,
    );
    expect(await tail(name, { untilMs: Date.now() })).toHaveLength(2);
  });

  it("ends at once, with a message, if the topic does not exist", async () => {
    const command = [
      fileURLToPath(new URL("../main.ts", import.meta.url)),
      "tail",
      "no.such.topic",
    ];
    const running = run(process.execPath, command, { env: addressSettings(addresses) });
    await expect(running).rejects.toMatchObject({
      code: 1,
      stderr: "fiber: there is no topic no.such.topic\n",
    });
  });
});

describe("fiber topics describe", () => {
  it("shows partitions, sizes, schema versions, and the lag of groups", async () => {
    const { kafka, namespace } = topics.access;
    const named = namedTopic(namespace, ENRICHED);
    const groupId = `${namespace}team`;
    const admin = kafka.admin();
    await admin.connect();
    const partitions = Array.from({ length: 12 }, (_, partition) => ({ partition, offset: "0" }));
    await admin.setOffsets({ groupId, topic: named.topic, partitions });
    await admin.disconnect();

    const described = await describeTopic(topics.access, named);
    expect(described.partitions).toHaveLength(12);
    expect(described.bytes).toBeGreaterThan(300);
    expect(described.groups).toMatchObject([{ groupId, members: 0, records: 3, partitions: 12 }]);
    expect(described.groups[0]?.seconds).toBeGreaterThanOrEqual(3_600);
    const text = renderTopic(described);
    expect(text).toMatch(/retention +30 days/);
    expect(text).toMatch(/schemas +EnrichedProbeMetric version 1 \(id \d+\)/);
  });
});
