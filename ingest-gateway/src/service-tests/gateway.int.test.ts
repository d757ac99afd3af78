import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { type ReadRecord, readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { exampleEvent } from "../testing/example-event.ts";
import { microsOfTimestamp } from "@fiberstream/event-rules/timestamp";

const schema = readAvroSchema("ProbeMetric");
const type = avsc.Type.forSchema(schema as avsc.Schema);
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });

let life: Life;
let namespace: string;
let topic: string;

beforeEach(() => {
  life = createLife();
  namespace = testNamespace();
  topic = topicIn(namespace, "probe.metrics.raw");
});
afterEach(() => life.stop());

const start = async (
  environment: Record<string, string> = {},
  options: { awaitReady?: boolean } = {},
): Promise<RunningService> =>
  life.own(
    await startService("ingest-gateway", { NAMESPACE: namespace, ...environment }, options),
    (owned) => owned.kill(),
  );

const post = (
  gateway: RunningService,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
) =>
  fetch(gateway.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const decoded = ({ value }: ReadRecord): ProbeMetric =>
  type.fromBuffer(value?.subarray(WIRE_PREFIX_BYTES) ?? Buffer.alloc(0)) as ProbeMetric;

describe("ingest gateway", () => {
  it("has an event in Kafka, as the registry describes it, when it answers 202", async () => {
    await createTestTopics(namespace);
    const gateway = await start();
    const event = exampleEvent({ node_id: "probe-7" });
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const response = await post(gateway, "/api/push", event, { traceparent });
    expect(response.status).toBe(202);
    const { event_id } = (await response.json()) as { event_id: string };

    const { records } = life.own(await readTopic(addresses.kafkaBrokers, topic), (owned) =>
      owned.close(),
    );
    const record = await until(() => records[0], { what: "the record came" });
    expect(String(record.key)).toBe("probe-7");
    expect(record.headers).toEqual({ traceparent });
    expect(schemaIdOf(record.value)).toBe(await registry.idOf(subjectOf(topic), schema));
    expect(decoded(record)).toMatchObject({
      event_id,
      node_id: "probe-7",
      timestamp: microsOfTimestamp(event.timestamp),
      metadata: '{"version":"2.1.0"}',
      source_region: null,
    });
  });

  it("writes all valid events of a batch of 10,000, each once", async () => {
    await createTestTopics(namespace);
    const gateway = await start();
    const { records } = life.own(await readTopic(addresses.kafkaBrokers, topic), (owned) =>
      owned.close(),
    );
    const nodes = Array.from({ length: 10_000 }, (_, number) => `probe-${number}`);
    const metrics = nodes.map((node_id) => exampleEvent({ node_id }));
    metrics[77] = exampleEvent({ latency_ms: -1 });
    const response = await post(gateway, "/api/ingest", { metrics });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({
      message: "Queued 9999 metrics",
      data: { accepted: 9_999, rejected: 1, retry: 0 },
      results: [{ index: 77, code: "OUT_OF_RANGE" }],
    });
    await until(() => records.length >= 9_999, { what: "the batch's records came" });
    const written = new Set(records.map(({ key }) => String(key)));
    expect(written.size).toBe(9_999);
    expect(records).toHaveLength(9_999);
    expect(written.has("probe-77")).toBe(false);
  });

  it("does not start without its schema, and says what to do", async () => {
    const gateway = await start({}, { awaitReady: false });
    await until(() => gateway.logs().includes("start failed"), { what: "it gave up" });
    expect(gateway.logs()).toContain("Run the deploy step");
    expect(await gateway.stop()).toBe(1);
  });

  it("stops gracefully under load: every event that was answered with 202 is in Kafka", async () => {
    await createTestTopics(namespace);
    const gateway = await start();
    const accepted: string[] = [];
    const statuses = new Set<number>();
    let isOpen = true;
    const sender = async (name: string) => {
      for (let number = 0; isOpen; number++) {
        const node_id = `${name}-${number}`;
        try {
          const response = await post(gateway, "/api/push", exampleEvent({ node_id }));
          statuses.add(response.status);
          if (response.status === 202) accepted.push(node_id);
          await response.arrayBuffer();
        } catch {
          isOpen = false;
        }
      }
    };
    const senders = Array.from({ length: 16 }, (_, number) => sender(`sender-${number}`));
    await until(() => accepted.length > 200, { what: "some events were accepted" });
    expect(await gateway.stop()).toBe(0);
    await Promise.all(senders);
    for (const status of statuses) expect([202, 503]).toContain(status);

    const { records } = life.own(await readTopic(addresses.kafkaBrokers, topic), (owned) =>
      owned.close(),
    );
    await until(() => records.length >= accepted.length, { what: "all of them came" });
    const written = new Set(records.map(({ key }) => String(key)));
    expect(accepted.filter((node) => !written.has(node))).toEqual([]);
  });
});
