import { randomUUID } from "node:crypto";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventOf, push } from "./platform/send.ts";

const namespace = testNamespace();
let kafka: Awaited<ReturnType<typeof startPrivateBackingService>>;
let gateway: RunningService;
beforeAll(async () => {
  kafka = await startPrivateBackingService("kafka");
  await deployTopics({
    brokers: [kafka.address],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    log: createLog({ service: "tests", level: "silent", format: "json" }),
    print: () => undefined,
  });
  await kafka.stop();
  gateway = await startService(
    "ingest-gateway",
    { NAMESPACE: namespace, KAFKA_BROKERS: kafka.address },
    { awaitReady: false },
  );
});
afterAll(async () => {
  await gateway.stop();
  await kafka.remove();
});

describe("the gateway without Kafka", () => {
  it("reports that to probes and operators, and accepts events when Kafka is up, also after an outage", async () => {
    await until(async () => (await status()) === 503, { what: "the gateway listens" });
    await expectUnavailable();
    await until(async () => (await whyNotReady()).includes(kafka.address), {
      what: "/readyz names Kafka's address",
    });

    await kafka.start();
    await expectAccepted();

    await kafka.kill();
    await expectUnavailable();
    await until(async () => (await status()) === 503, { what: "/api/status reports the outage" });

    await kafka.start();
    await expectAccepted();
  });
});

async function expectUnavailable(): Promise<void> {
  const answer = await push(gateway.url, eventOf(randomUUID()));
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(await answer.json()).toMatchObject({ status: 503, code: "KAFKA_UNAVAILABLE" });
}

async function expectAccepted(): Promise<void> {
  await until(async () => (await push(gateway.url, eventOf(randomUUID()))).status === 202, {
    what: "the gateway accepts events",
  });
  await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok, {
    what: "the gateway is ready",
  });
}

const status = async () => (await fetch(`${gateway.url}/api/status`)).status;

async function whyNotReady(): Promise<string> {
  const answer = await fetch(`${gateway.adminUrl}/readyz`);
  const { checks } = (await answer.json()) as { checks: Record<string, { reason?: string }> };
  return answer.status === 503 ? (checks["kafka"]?.reason ?? "") : "";
}
