import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import { connectProducer } from "@fiberstream/kafka/producer";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import type { TopicName } from "@fiberstream/schemas/topics";
import {
  type FoundIn,
  reconciliationVerdict,
} from "@fiberstream/sink-writer/reconciliation/reconciliation-verdict";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf, pushAccepted } from "./platform/send.ts";

const life = createLife();
const log = createLog({ service: "test", level: "silent", format: "json" });
let platform: Platform;
let kafka: KafkaClient;
let pool: PgPool;
let reader: TopicReader;
beforeAll(async () => {
  platform = life.own(await startPlatform({ KAFKA_SESSION_TIMEOUT_MS: "6000" }), (owned) =>
    owned.stop(),
  );
  kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  pool = life.own(
    createPool({
      databaseUrl: platform.databaseUrl,
      applicationName: "test",
      maxConnections: 2,
      log,
    }),
    (owned) => owned.end(),
  );
  reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
}, 60_000);
afterAll(() => life.stop(), 60_000);

const topic = (name: TopicName) => topicIn(platform.namespace, name);
const verdict = () =>
  reconciliationVerdict({ pool, kafka, namespace: platform.namespace, timeoutMs: 30_000 });
const send = async (nodeId: string, count: number) => {
  const ids: string[] = [];
  for (let place = 0; place < count; place++) {
    ids.push(await pushAccepted(platform.gatewayUrl, eventOf(nodeId)));
  }
  return ids;
};
const untilRows = (ids: readonly string[]) =>
  until(
    async () =>
      (await platform.query("SELECT FROM metrics WHERE event_id = ANY ($1::uuid[])", [ids]))
        .length === ids.length,
    { what: `${ids.length} events are rows`, timeoutMs: 60_000 },
  );
const ends = async (name: TopicName) =>
  new Map((await reader.ranges(topic(name))).map((one) => [one.partition, one.until]));

/** Returns the partition of a node's events, and the offset of its next event in raw. */
async function positionOf(nodeId: string): Promise<{ partition: number; offset: bigint }> {
  const before = await ends("probe.metrics.raw");
  await untilRows(await send(nodeId, 1));
  for (const [partition, end] of await ends("probe.metrics.raw")) {
    if (end !== before.get(partition)) return { partition, offset: end };
  }
  throw new Error("the event is not in raw");
}

/** Moves the offset of the stopped processor with unchanged metadata, as an error of its own would. */
async function moveProcessor(partition: number, to: bigint): Promise<void> {
  const groupId = `${platform.namespace}stream-processor`;
  const raw = topic("probe.metrics.raw");
  const offsets = await connectGroupOffsets({ kafka, groupId, topic: raw });
  const metadata = (await offsets.committed(partition))?.metadata ?? "";
  await offsets.close();
  expect(metadata).toMatch(/ ledger=/);
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic: raw });
  const joined = new Promise((resolve) => void consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachBatch: async () => undefined });
  await joined;
  await consumer.commitOffsets([{ topic: raw, partition, offset: to.toString(), metadata }]);
  await consumer.disconnect();
}

async function whileStopped(
  name: "stream-processor" | "sink-writer",
  work: () => Promise<void>,
): Promise<void> {
  expect(await platform.service(name).stop()).toBe(0);
  await work();
  await platform.restart(name);
}

/** Returns the events that differ, by `fiber reconcile`. */
async function differences(): Promise<{ event_id: string; what: string; offset: string | null }[]> {
  const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
  const args = [main, "reconcile", "--from", "30m", "--json"];
  const env = {
    ...addressSettings(addresses),
    NAMESPACE: platform.namespace,
    DATABASE_URL: platform.databaseUrl,
  };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env }).catch(
    (error: { code: number; stdout: string }) => {
      // Something differs.
      expect(error.code).toBe(1);
      return error;
    },
  );
  return stdout
    .trim()
    .split("\n")
    .flatMap((line) => (JSON.parse(line) as { differences: [] }).differences);
}

const summaryOf = (found: readonly FoundIn[]) =>
  found
    .map(({ hop, partition, events, offset }) => ({ hop, partition, events, offset }))
    .toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));

/** The faults that the tests have made so far. */
const planted: ReturnType<typeof summaryOf> = [];
async function expectPlanted(...more: typeof planted): Promise<void> {
  planted.push(...more);
  const { differs, notKnown } = await verdict();
  expect(summaryOf(differs)).toEqual(
    planted.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
  );
  expect(notKnown).toEqual([]);
}

describe("the books of a running platform", () => {
  it("agree after kills, duplicates and rewinds", async () => {
    const ids = (await Promise.all(["a", "b", "c", "d"].map((node) => send(node, 25)))).flat();
    await untilRows(ids);
    expect(await verdict()).toMatchObject({ ok: true, events: 100, differs: [], notKnown: [] });

    const repeated = eventOf("e");
    const id = await pushAccepted(platform.gatewayUrl, repeated);
    await pushAccepted(platform.gatewayUrl, repeated);
    await platform.service("stream-processor").kill("SIGKILL");
    await platform.service("sink-writer").kill("SIGKILL");
    const more = await send("a", 25);
    await Promise.all([platform.restart("stream-processor"), platform.restart("sink-writer")]);
    await untilRows([id, ...more]);

    await platform.service("sink-writer").kill("SIGKILL");
    await platform.query("UPDATE sink_offsets SET next_offset = 0");
    const last = await send("f", 5);
    await platform.restart("sink-writer");
    await untilRows(last);
    await until(
      async () =>
        (
          await platform.query(
            `SELECT FROM sink_offsets JOIN reconciliation_positions AS books USING (partition)
             WHERE books.stage = 'sink' AND sink_offsets.next_offset < books.next_offset`,
          )
        ).length === 0,
      { what: "all records are read again" },
    );
    const found = await verdict();
    expect(found).toMatchObject({ ok: true, events: 132, differs: [], notKnown: [] });
  }, 120_000);

  it("report an event that the processor skipped, with its offset", async () => {
    const { partition, offset } = await positionOf("lost-before-enriched");
    let lost = "";
    await whileStopped("stream-processor", async () => {
      [lost = ""] = await send("lost-before-enriched", 1);
      await moveProcessor(partition, offset + 1n);
    });
    await untilRows(await send("lost-before-enriched", 1));
    await expectPlanted({ hop: "raw", partition, events: 1, offset: offset.toString() });
    expect(await differences()).toMatchObject([
      { event_id: lost, what: "in raw, not in enriched", offset: offset.toString() },
    ]);
  }, 60_000);

  it("report an event that the processor read twice, with its offset", async () => {
    const { partition, offset } = await positionOf("read-twice");
    await untilRows(await send("read-twice", 1));
    await whileStopped("stream-processor", () => moveProcessor(partition, offset));
    await untilRows(await send("read-twice", 1));
    await expectPlanted({ hop: "raw", partition, events: 1, offset: offset.toString() });
  }, 60_000);

  it("report a duplicate record in enriched", async () => {
    const { partition } = await positionOf("doubled-in-enriched");
    const before = (await ends("probe.metrics.enriched")).get(partition) ?? 0n;
    await untilRows(await send("doubled-in-enriched", 1));
    const end = (await ends("probe.metrics.enriched")).get(partition) ?? 0n;
    const enriched = topic("probe.metrics.enriched");
    const producer = await connectProducer({ kafka });
    for await (const records of reader.read(enriched, { partition, from: before, until: end })) {
      await producer.send(
        enriched,
        records.map(({ key, value, timestamp }) => ({ key, value, timestamp })),
      );
    }
    await producer.close();
    await untilRows(await send("doubled-in-enriched", 1));
    await expectPlanted({ hop: "enriched", partition, events: 1, offset: null });
  }, 60_000);

  it("report an event that the sink skipped, with its offset", async () => {
    const { partition } = await positionOf("lost-before-rows");
    const enriched = async () => (await ends("probe.metrics.enriched")).get(partition) ?? 0n;
    let position = 0n;
    await whileStopped("sink-writer", async () => {
      const [row] = await platform.query<{ next_offset: string }>(
        "SELECT next_offset FROM sink_offsets WHERE partition = $1",
        [partition],
      );
      position = BigInt(row?.next_offset ?? 0);
      const before = await enriched();
      await send("lost-before-rows", 1);
      await until(async () => (await enriched()) >= before + 2n, { what: "it is enriched" });
      await platform.query("UPDATE sink_offsets SET next_offset = $2 WHERE partition = $1", [
        partition,
        await enriched(),
      ]);
    });
    await untilRows(await send("lost-before-rows", 1));
    await expectPlanted({ hop: "enriched", partition, events: 1, offset: position.toString() });
  }, 60_000);

  it("report rows that were deleted, duplicated or altered afterwards", async () => {
    const [id = ""] = await send("in-the-table", 1);
    await untilRows([id]);
    await platform.query("CREATE TABLE kept (LIKE metrics)");
    const table = { hop: "table", partition: null, events: 1, offset: null } as const;
    const plant = async (change: string, undo: string) => {
      await platform.query(change, [id]);
      const { differs, notKnown } = await verdict();
      expect(summaryOf(differs.filter(({ hop }) => hop === "table"))).toEqual([table]);
      expect(differs.length).toBe(planted.length + 1);
      expect(notKnown).toEqual([]);
      await platform.query(undo, [id]);
    };
    await plant(
      `WITH gone AS (DELETE FROM metrics WHERE event_id = $1 RETURNING *)
       INSERT INTO kept SELECT * FROM gone`,
      "INSERT INTO metrics SELECT * FROM kept WHERE event_id = $1",
    );
    await plant(
      `INSERT INTO metrics SELECT (kept).* FROM (
         SELECT jsonb_populate_record(kept, jsonb_build_object('time', time + interval '1 us')) AS kept
         FROM kept WHERE event_id = $1
       ) AS twice`,
      "DELETE FROM metrics WHERE event_id = $1 AND time <> (SELECT time FROM kept)",
    );
    await plant(
      "UPDATE metrics SET event_id = '5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11' WHERE event_id = $1",
      `UPDATE metrics SET event_id = $1 WHERE event_id = '5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11'`,
    );
    await expectPlanted();
  }, 60_000);
});
