import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { heartbeatV4 } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createKafka } from "../kafka.ts";
import { type BrokerAddress, createConnections, nameOf } from "./connections.ts";
import { METADATA, metadataAnswer, sessionAnswer, startFakeBroker } from "./testing/fake-broker.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const TIMEOUT_MS = 4_000;

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

/** A broker that answers with the brokers that it knows, and does not answer other requests. */
async function startBroker() {
  const broker: { brokers: readonly BrokerAddress[]; asked: number } = { brokers: [], asked: 0 };
  const address = await startFakeBroker(life, ({ apiKey }) => {
    if (apiKey !== METADATA) return undefined;
    broker.asked++;
    const { brokers } = broker;
    return metadataAnswer({ brokers, topic: "t", topicId: TOPIC_ID, epochs: undefined });
  });
  return Object.assign(broker, { address });
}

const TOPIC_ID = "11111111-2222-4333-8444-555555555555";

/** A frozen broker, two that know all three, and a client that waits for the frozen one over two connections. */
async function callFrozen() {
  const frozen = await startFakeBroker(life, () => undefined);
  const [one, other] = [await startBroker(), await startBroker()];
  for (const broker of [one, other]) broker.brokers = [frozen, one.address, other.address];
  const brokers = [one, other].map(({ address }) => nameOf(address));
  const kafka = createKafka({ brokers, clientId: "test", log });
  const connections = life.own(createConnections(kafka), (owned) => owned.close());
  const call = (channel: string) =>
    connections.call(
      frozen,
      channel,
      { api: heartbeatV4.api, timeoutMs: TIMEOUT_MS },
      "a-group",
      1,
      "a-member",
    );
  const begunMs = performance.now();
  let failedMs: number | undefined;
  const failures = Promise.allSettled([call("one"), call("other")]).then((results) => {
    failedMs = performance.now() - begunMs;
    return results.map((result) => result.status === "rejected" && String(result.reason));
  });
  const left = [one.address, other.address];
  return { frozen, one, other, left, call, failures, failedMs: () => failedMs };
}

const isAskedAgain = async (broker: { asked: number }) => {
  const before = broker.asked;
  await until(() => broker.asked > before + 1, { what: "the broker is asked again" });
};

describe("a call to a silent broker", () => {
  it("ends, with all others to it, when the cluster no longer has the broker", async () => {
    const { frozen, one, other, left, call, failures, failedMs } = await callFrozen();
    await until(() => one.asked + other.asked > 0, { what: "the others are asked" });
    expect(failedMs()).toBeUndefined();
    for (const broker of [one, other]) broker.brokers = left;
    const reason = `Error: ${nameOf(frozen)} is no longer in the cluster`;
    expect(await failures).toEqual([reason, reason]);
    expect(failedMs()).toBeLessThan(TIMEOUT_MS - 1_000);
    // Another attempt does not have to be silent for as long.
    const begunMs = performance.now();
    await expect(call("one")).rejects.toThrow("no longer in the cluster");
    expect(performance.now() - begunMs).toBeLessThan(900);
  });

  it("has its whole timeout while the cluster has the broker", async () => {
    const { one, failures, failedMs } = await callFrozen();
    await isAskedAgain(one);
    expect(await failures).toEqual([
      expect.not.stringContaining("no longer"),
      expect.not.stringContaining("no longer"),
    ]);
    expect(failedMs()).toBeGreaterThan(TIMEOUT_MS - 100);
  });

  it("does not end because of one broker, which may lag", async () => {
    const { one, left, failures, failedMs } = await callFrozen();
    one.brokers = left;
    await isAskedAgain(one);
    await failures;
    expect(failedMs()).toBeGreaterThan(TIMEOUT_MS - 100);
  });

  it("is only that: while answers come, the others are not asked", async () => {
    const answering = await startFakeBroker(life, ({ apiKey }) =>
      sessionAnswer(apiKey, { lifetimeMs: 0 }),
    );
    const other = await startBroker();
    const kafka = createKafka({ brokers: [nameOf(other.address)], clientId: "test", log });
    const connections = life.own(createConnections(kafka), (owned) => owned.close());
    const begunMs = performance.now();
    while (performance.now() - begunMs < 1_500) {
      const request = { api: heartbeatV4.api, timeoutMs: TIMEOUT_MS };
      await connections.call(answering, "one", request, "a-group", 1, "a-member");
    }
    expect(other.asked).toBe(0);
  });
});
