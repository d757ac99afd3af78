import { deployTopics } from "@fiberstream/provisioning/topics";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import type { TestBackingService } from "@fiberstream/testkit/test-backing-service";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

let life: Life;
let namespace: string;
let kafka: TestBackingService;

beforeEach(async () => {
  life = createLife();
  namespace = testNamespace();
  kafka = life.own(await startPrivateBackingService("kafka"), (owned) => owned.remove());
  await deployTopics({
    brokers: [kafka.address],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    log,
    print: () => undefined,
  });
}, 60_000);
afterEach(() => life.stop());

const start = async (options: { awaitReady?: boolean } = {}): Promise<RunningService> =>
  life.own(
    await startService(
      "ingest-gateway",
      { NAMESPACE: namespace, KAFKA_BROKERS: kafka.address, DEPENDENCY_CHECK_INTERVAL_MS: "200" },
      options,
    ),
    (owned) => owned.kill(),
  );
const push = (gateway: RunningService, node_id: string) =>
  fetch(`${gateway.url}/api/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(exampleEvent({ node_id })),
  });

describe("ingest gateway without Kafka", () => {
  it("listens before Kafka is available, answers 503, and accepts events as soon as it is", async () => {
    await kafka.stop();
    const gateway = await start({ awaitReady: false });
    const refused = await until(() => push(gateway, "early"), { what: "it listens" });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(5);
    expect(await refused.json()).toMatchObject({ code: "KAFKA_UNAVAILABLE" });
    const ready = await fetch(`${gateway.adminUrl}/readyz`);
    expect(ready.status).toBe(503);
    expect((await fetch(`${gateway.adminUrl}/livez`)).status).toBe(200);

    await kafka.start();
    await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok, {
      what: "it is ready",
    });
    expect((await push(gateway, "late")).status).toBe(202);
  }, 60_000);

  it("loses nothing that was answered with 202 when Kafka is killed under load", async () => {
    const gateway = await start();
    const accepted: string[] = [];
    const statuses = new Map<number, number>();
    const over = new AbortController();
    let longestMs = 0;
    const sender = async (name: string) => {
      for (let number = 0; !over.signal.aborted; number++) {
        const sentAt = performance.now();
        const response = await push(gateway, `${name}-${number}`);
        await response.arrayBuffer();
        longestMs = Math.max(longestMs, performance.now() - sentAt);
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        if (response.status === 202) accepted.push(`${name}-${number}`);
      }
    };
    const senders = Array.from({ length: 8 }, (_, number) => sender(`sender-${number}`));
    await until(() => accepted.length > 100, { what: "events were accepted" });
    await kafka.kill();
    await until(() => (statuses.get(503) ?? 0) > 50, { what: "senders were told 503" });
    expect(longestMs).toBeLessThan(3_500);
    expect((await fetch(`${gateway.url}/api/status`)).status).toBe(503);
    expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(503);

    await kafka.start();
    const before = accepted.length;
    await until(() => accepted.length > before + 100, { what: "events were accepted again" });
    over.abort();
    await Promise.all(senders);
    expect(new Set(statuses.keys())).toEqual(new Set([202, 503]));

    const topic = topicIn(namespace, "probe.metrics.raw");
    const { records } = life.own(await readTopic(kafka.address, topic), (owned) => owned.close());
    const isMissing = () => {
      const written = new Set(records.map(({ key }) => String(key)));
      return accepted.filter((node) => !written.has(node));
    };
    await until(() => isMissing().length === 0, { what: "every accepted event is in Kafka" });
  }, 90_000);
});
