import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";

const namespace = testNamespace();
let gateway: RunningService;
const keptOpen = new Agent({ keepAlive: true, maxSockets: 8 });

beforeAll(async () => {
  const log = createLog({ service: "test", level: "silent", format: "json" });
  await deployTopics({
    brokers: [addresses.kafkaBrokers],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    log,
    print: () => undefined,
  });
  gateway = await startService("ingest-gateway", { NAMESPACE: namespace });
}, 60_000);
afterAll(async () => {
  keptOpen.destroy();
  await gateway.stop();
});

/** @returns the answer's status, or undefined when the sender gave up */
const push = (nodeId: string, patienceMs: number, agent?: Agent): Promise<number | undefined> =>
  new Promise((resolve) => {
    const url = new URL("/api/push", gateway.url);
    const headers = { "content-type": "application/json" };
    const sending = request(url, { method: "POST", headers, agent }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    });
    sending.on("error", () => resolve(undefined));
    const impatience = setTimeout(() => sending.destroy(), patienceMs);
    sending.on("close", () => clearTimeout(impatience));
    sending.end(JSON.stringify(exampleEvent({ node_id: nodeId })));
  });

const metrics = async () => (await fetch(`${gateway.adminUrl}/metrics`)).text();

describe("a gateway that was paused", () => {
  it("accepts nothing of senders that have disconnected meanwhile", async () => {
    const names = Array.from({ length: 8 }, () => randomUUID());
    const warm = await Promise.all(names.map((name) => push(`warm-${name}`, 5_000, keptOpen)));
    expect(new Set(warm)).toEqual(new Set([202]));

    await gateway.kill("SIGSTOP");
    const givenUp = names.flatMap((name) => [
      push(`kept-${name}`, 500, keptOpen),
      push(`new-${name}`, 500),
    ]);
    expect(new Set(await Promise.all(givenUp))).toEqual(new Set([undefined]));
    const patient = push("patient", 10_000);
    await delay(1_500);
    await gateway.kill("SIGCONT");

    expect(await patient).toBe(202);
    expect(await push("last", 5_000)).toBe(202);
    await until(
      async () => (await metrics()).includes("fiberstream_gateway_senders_gone_total 16\n"),
      {
        what: "all requests of senders that have given up are counted",
      },
    );
    const raw = await readTopic(addresses.kafkaBrokers, topicIn(namespace, "probe.metrics.raw"));
    const sent = [...names.map((name) => `warm-${name}`), "patient", "last"];
    await until(() => raw.records.length >= sent.length, { what: "what was accepted is in raw" });
    await raw.close();
    expect(raw.records.map(({ key }) => String(key)).toSorted()).toEqual(sent.toSorted());
  });
});
