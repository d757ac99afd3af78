import { randomUUID } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  insertEvents,
  readerHeaders,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";
import { createLetterTopics } from "./letters-fixture.ts";

const namespace = testNamespace();
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;

type Sought = {
  record: { partition: number; offset: number; value: object } | null;
  problem: string | null;
};
type LifeOf = {
  data: {
    event: { node_id: string } | null;
    conflicts: object[];
    records: {
      raw: Sought;
      enriched: Sought;
      dead_letters: { reason: string }[];
      trace: { trace_id: string; url: string | null } | null;
    } | null;
    records_problem: string | null;
  };
};

let life: Life;
let running: TestConsole;
let topics: Awaited<ReturnType<typeof createLetterTopics>>;
beforeAll(async () => {
  life = createLife();
  topics = await createLetterTopics(life, namespace);
  running = await startTestConsole(life, {
    NAMESPACE: namespace,
    TRACE_URL: "https://traces.example/trace/{trace_id}",
  });
});
afterAll(() => life.stop());

const rowOf = async (node: string, { tenant = "acme" } = {}) => {
  await insertEvents(running.pool, { node, count: 1, tenant });
  const { rows } = await running.pool.query<{ event_id: string }>(
    "SELECT event_id FROM metrics WHERE node_id = $1",
    [node],
  );
  return rows[0]?.event_id ?? "";
};
/** Writes an event, between others of its node. */
const produce = async (topic: string, node: string, id: string, headers = {}) => {
  const other = () => topics.eventOf({ node_id: node, tenant: "acme", event_id: randomUUID() });
  const own = topics.eventOf({ node_id: node, tenant: "acme", event_id: id });
  await topics.sendTo(topic, [
    { key: node, value: other() },
    { key: node, value: own, headers },
    { key: node, value: other() },
  ]);
};

describe("the life of an event", () => {
  it("has its row, its records, its trace and what failed", async () => {
    const id = await rowOf("n-1");
    await produce(topics.raw, "n-1", id, { traceparent });
    await produce(topicIn(namespace, "probe.metrics.enriched"), "n-1", id);
    await topics.send([
      {
        node: "n-1",
        tenant: "acme",
        reason: "row-refused",
        failedAt: new Date(Date.now() + 1_000),
        offset: 1,
        value: topics.eventOf({ node_id: "n-1", tenant: "acme", event_id: id }),
      },
    ]);
    const { data } = await running.answer<LifeOf>(`/api/v1/events/${id}?node=n-1`);
    expect(data).toMatchObject({
      event: { node_id: "n-1" },
      conflicts: [],
      records_problem: null,
      records: {
        raw: { record: { offset: 1, value: { event_id: id, node_id: "n-1" } }, problem: null },
        enriched: { record: { offset: 1 }, problem: null },
        dead_letters: [{ reason: "row-refused" }],
        trace: { trace_id: TRACE, url: `https://traces.example/trace/${TRACE}` },
      },
    });
    expect(data.records?.raw.record?.partition).toBe(data.records?.enriched.record?.partition);
  });

  it("has the letter of its record, whatever is left of the value", async () => {
    const id = await rowOf("n-4");
    await produce(topics.raw, "n-4", id);
    const path = `/api/v1/events/${id}?node=n-4`;
    const { record } = (await running.answer<LifeOf>(path)).data.records?.raw ?? {};
    await topics.send([
      {
        node: "n-4",
        reason: "record-refused",
        failedAt: new Date(Date.now() + 60_000),
        offset: record?.offset ?? -1,
        partition: record?.partition ?? -1,
        value: Buffer.from("the beginning"),
      },
    ]);
    const { data } = await running.answer<LifeOf>(path);
    expect(data.records?.dead_letters).toMatchObject([{ reason: "record-refused" }]);
  });

  it("says why records are not there", async () => {
    const id = await rowOf("imported");
    const { data } = await running.answer<LifeOf>(`/api/v1/events/${id}?node=imported`);
    expect(data.records).toMatchObject({
      raw: { record: null, problem: expect.stringContaining("no record of that time") },
      enriched: { record: null, problem: expect.any(String) },
      dead_letters: [],
      trace: null,
    });
  });

  it("is found without a row by node and time, if it became a dead letter", async () => {
    const id = randomUUID();
    const time = new Date().toISOString();
    await produce(topics.raw, "n-2", id);
    const value = topics.eventOf({ node_id: "n-2", tenant: "acme", event_id: id });
    await topics.send([{ node: "n-2", failedAt: new Date(), offset: 1, value }]);
    const { data } = await running.answer<LifeOf>(`/api/v1/events/${id}?node=n-2&time=${time}`);
    expect(data).toMatchObject({
      event: null,
      records: { raw: { record: { offset: 1 } }, dead_letters: [{ reason: "too-old" }] },
    });
    for (const path of [`${id}?node=n-2`, `${randomUUID()}?node=n-2&time=${time}`]) {
      const answer = await running.ask(`/api/v1/events/${path}`);
      expect([answer.status, await answer.json()]).toMatchObject([404, { code: "NO_SUCH_EVENT" }]);
    }
  });

  it("of another tenant is not shown, whatever is asked", async () => {
    const own = createLife();
    try {
      const keyed = await startTestConsole(own, { NAMESPACE: namespace, AUTH_MODE: "keys" });
      const id = randomUUID();
      const path = `/api/v1/events/${id}?node=n-3&time=${new Date().toISOString()}`;
      await produce(topics.raw, "n-3", id);
      const statusFor = async (tenant: string) =>
        (await keyed.ask(path, { headers: await readerHeaders(keyed.pool, tenant) })).status;
      expect([await statusFor("acme"), await statusFor("other")]).toEqual([200, 404]);
    } finally {
      await own.stop();
    }
  });

  it("is its row while Kafka is unavailable", async () => {
    const own = createLife();
    try {
      const alone = await startTestConsole(own, { KAFKA_BROKERS: "127.0.0.1:1" });
      await insertEvents(alone.pool, { node: "alone", count: 1 });
      const { rows } = await alone.pool.query<{ event_id: string }>("SELECT event_id FROM metrics");
      const { data } = await alone.answer<LifeOf>(`/api/v1/events/${rows[0]?.event_id}?node=alone`);
      expect(data).toMatchObject({
        event: { node_id: "alone" },
        records: null,
        records_problem: expect.stringContaining("Kafka cannot be asked"),
      });
    } finally {
      await own.stop();
    }
  });
});
