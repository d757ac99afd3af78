import { randomUUID } from "node:crypto";
import { readMetricCatalogue } from "@fiberstream/deploy/observability/metric-catalogue";
import { queriesOf } from "@fiberstream/deploy/observability/dashboards/all";
import { isWithinBounds } from "@fiberstream/deploy/observability/label-bounds";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLog } from "@fiberstream/runtime/log";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readSamples, readTypes } from "./platform/metrics-text.ts";
import { queriesIn, readRunbooks } from "./runbooks/runbooks.ts";
import { eventOf, push, pushAccepted } from "./platform/send.ts";
import {
  type FiringAlert,
  startWatchedPlatform,
  type WatchedPlatform,
} from "./platform/watched-platform.ts";

const NAMES = ["ingest-gateway", "stream-processor", "sink-writer"] as const;

let platform: WatchedPlatform;
beforeAll(async () => {
  platform = await startWatchedPlatform();
});
afterAll(() => platform.stop());

describe("the services' metrics", () => {
  it("are exactly the documented ones, with bounded labels and without node ids", async () => {
    const nodeId = randomUUID();
    await pushAccepted(platform.gatewayUrl, eventOf(nodeId));
    await push(platform.gatewayUrl, eventOf(nodeId, { latency_ms: -1 }));
    await fetch(`${platform.gatewayUrl}/api/${nodeId}`);
    await until(async () => (await scrape("sink-writer")).includes('rows_total{path="copy"} 1'), {
      what: "the event's row is counted",
    });

    const catalogue = await readMetricCatalogue();
    for (const name of NAMES) {
      const text = await scrape(name);
      expect(text).not.toContain(nodeId);
      const documented = catalogue.filter(({ services }) => services.includes(name));
      expect(Object.fromEntries(readTypes(text))).toEqual(
        Object.fromEntries(documented.map((metric) => [metric.name, metric.type])),
      );
      const ours = readSamples(text).filter((sample) => sample.name.startsWith("fiberstream_"));
      const outOfBounds = ours.flatMap(({ labels }) =>
        Object.entries(labels).filter(
          ([label, value]) => label !== "le" && !isWithinBounds(label, value),
        ),
      );
      expect(outOfBounds).toEqual([]);
    }
  });

  it("are scraped by Prometheus from all services", async () => {
    await until(async () => (await platform.query("up == 1")).length === SERVICE_NAMES.length, {
      what: "all services are scraped",
    });
  });

  it("can be queried as in the runbooks", async () => {
    const queries = readRunbooks().flatMap(({ text }) => queriesIn(text));
    expect(queries.length).toBeGreaterThan(10);
    for (const query of queries) await platform.query(query);
  });
});

describe("the services' logs", () => {
  it("are in the Elastic Common Schema, and contain no values of events", async () => {
    const nodeId = randomUUID();
    await pushAccepted(platform.gatewayUrl, eventOf(nodeId));
    for (const name of NAMES) {
      const logs = platform.service(name).logs();
      expect(logs).not.toContain(nodeId);
      const lines = logs.trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
        lines.map(() =>
          expect.objectContaining({
            "@timestamp": expect.stringMatching(/^\d{4}-.*Z$/),
            "log.level": expect.any(String),
            "ecs.version": expect.any(String),
            "service.name": name,
            message: expect.any(String),
          }),
        ),
      );
    }
  });
});

describe("the alerts", () => {
  it("fire when the database is stopped, and end when it is back", async () => {
    await platform.postgres.stop();
    await pushAccepted(platform.gatewayUrl, eventOf(randomUUID()));
    const stuck = await raised("FiberStreamConsumerStuck");
    expect(stuck.labels).toMatchObject({ severity: "page", job: "sink-writer" });
    expect(stuck.annotations["description"]).toMatch(/^Its oldest unprocessed record is \d/);
    expect(stuck.annotations["runbook_url"]).toMatch(
      /^file:.*\/docs\/runbooks\/consumer-stuck.md$/,
    );
    await raised("FiberStreamServiceNotReady");
    const { adminUrl } = platform.service("sink-writer");
    const ready = await fetch(`${adminUrl}/readyz`);
    expect(ready.status).toBe(503);
    expect(Object.values(((await ready.json()) as { checks: object }).checks)).toContainEqual({
      status: "failing",
      reason: expect.stringContaining("postgres"),
      since: expect.stringMatching(/^\d{4}-/),
    });
    expect((await fetch(`${adminUrl}/livez`)).status).toBe(200);

    await platform.postgres.start();
    await until(async () => (await firing("FiberStreamConsumerStuck")) === undefined, {
      what: "the sink resumes",
    });
  });

  it("fire for bad records, and for a partition that is stopped because of them", async () => {
    const log = createLog({ service: "tests", level: "silent", format: "json" });
    const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "tests", log });
    const producer = await connectProducer({ kafka });
    const bad = (key: string, count: number) =>
      producer.send(
        topicIn(platform.namespace, "probe.metrics.raw"),
        Array.from({ length: count }, () => ({ key, value: Buffer.from("not an event") })),
      );
    await bad("few", 20);
    // The first of them creates the counter; a rate needs an increase between two scrapes.
    await until(async () => (await scrape("stream-processor")).includes('outcome="dead"} 20'), {
      what: "the bad records are counted",
    });
    await until(async () => (await deadAsSeen()) > 0, { what: "Prometheus has scraped them" });
    await bad("few", 20);
    await raised("FiberStreamDeadLetterShare", "pending");
    await bad("many", 400);
    await producer.close();
    const alert = await raised("FiberStreamBreakerOpen");
    expect(alert.labels).toMatchObject({ severity: "page", job: "stream-processor" });
  });

  it("give every panel of the dashboards a value", async () => {
    for (const sql of queriesOf("timescaledb")) await platform.sql(sql);
    await until(
      async () => {
        const empty: string[] = [];
        for (const expr of queriesOf("prometheus")) {
          if ((await platform.query(expr)).length === 0) empty.push(expr);
        }
        if (empty.length > 0) throw new Error(`no result for ${empty.join(" and for ")}`);
        return true;
      },
      { what: "every panel has a value" },
    );
  });

  it("fire when the sink is stopped", async () => {
    expect(await platform.service("sink-writer").stop()).toBe(0);
    const alert = await raised("FiberStreamServiceDown");
    expect(alert.labels).toMatchObject({ severity: "page", job: "sink-writer" });
  });
});

const scrape = async (name: (typeof NAMES)[number]) =>
  (await fetch(`${platform.service(name).adminUrl}/metrics`)).text();

async function deadAsSeen(): Promise<number> {
  const seen = await platform.query('fiberstream_pipeline_records_total{outcome="dead"} >= 20');
  return seen.length;
}

const firing = async (name: string, state: FiringAlert["state"] = "firing") =>
  (await platform.alerts()).find(
    (alert) => alert.labels["alertname"] === name && (state === "pending" || alert.state === state),
  );

/**
 * Waits for an alert.
 * @param atLeast pending is enough if firing takes long
 */
const raised = (name: string, atLeast: FiringAlert["state"] = "firing") =>
  until(() => firing(name, atLeast), { what: `${name} is ${atLeast}`, timeoutMs: 45_000 });
