import { createLife, type Life } from "@fiberstream/runtime/life";
import { TOPICS } from "@fiberstream/schemas/topics";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readerHeaders, startTestConsole, type TestConsole } from "./console-fixture.ts";

const namespace = testNamespace();
type Body = {
  data: { consumers: { service: string; state: string }[] | null; kafka_problem: string | null };
};

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  await createTestTopics(namespace);
  running = await startTestConsole(life, { NAMESPACE: namespace });
  await running.pool.query(
    `INSERT INTO sink_offsets (topic, partition, next_offset) VALUES ('x', 1, 8), ('x', 0, 5);
     INSERT INTO reconciled_minutes (minute, verdict, events, unaccounted, findings)
     SELECT date_trunc('minute', now()) - n * interval '1 minute', CASE n WHEN 2 THEN 'differs' ELSE 'ok' END, 10,
            CASE n WHEN 2 THEN 3 ELSE 0 END, '[]'
     FROM generate_series(1, 4) AS n`,
  );
});
afterAll(() => life.stop());

describe("the pipeline", () => {
  it("has the lag of each consumer, the sink's offsets and the reconciler's verdicts", async () => {
    const { data } = await running.answer<Body>("/api/v1/pipeline");
    expect(data).toMatchObject({
      kafka_problem: null,
      consumers: [
        {
          service: "stream-processor",
          topic: `${namespace}probe.metrics.raw`,
          state: "none",
          lag_records: 0,
        },
        { service: "sink-writer", topic: `${namespace}probe.metrics.enriched` },
      ],
      sink_partitions: [
        { topic: "x", partition: 0, next_offset: 5 },
        { topic: "x", partition: 1, next_offset: 8 },
      ],
      reconciliation: { minutes: { ok: 3, differs: 1 }, unaccounted_events: 3 },
    });
  });

  it("is shown without Kafka, too, with the reason", async () => {
    const own = createLife();
    try {
      const alone = await startTestConsole(own, { KAFKA_BROKERS: "127.0.0.1:1" });
      const { data } = await alone.answer<Body>("/api/v1/pipeline");
      expect(data).toMatchObject({ consumers: null, kafka_problem: expect.any(String) });
    } finally {
      await own.stop();
    }
  });

  it("is not shown to a reader of one tenant", async () => {
    const own = createLife();
    try {
      const keyed = await startTestConsole(own, { AUTH_MODE: "keys" });
      const answer = await keyed.ask("/api/v1/pipeline", {
        headers: await readerHeaders(keyed.pool, "acme"),
      });
      expect([answer.status, await answer.json()]).toMatchObject([403, { code: "NOT_ALLOWED" }]);
    } finally {
      await own.stop();
    }
  });

  it("has the catalogue of its topics", async () => {
    const { data } = await running.answer<{ data: { name: string; topic: string }[] }>(
      "/api/v1/topics",
    );
    expect(data.map(({ name }) => name)).toEqual(Object.keys(TOPICS));
    expect(data[0]?.topic).toBe(`${namespace}probe.metrics.raw`);
  });
});
