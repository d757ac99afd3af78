import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { heartbeatV4 } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createKafka } from "../kafka.ts";
import { type BrokerAddress, type Connections, createConnections, nameOf } from "./connections.ts";
import {
  coordinatorAnswer,
  METADATA,
  metadataAnswer,
  startFakeBroker,
} from "./testing/fake-broker.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const TOPIC = "a-topic";
const TOPIC_ID = "11111111-2222-4333-8444-555555555555";

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

type Broker = {
  readonly address: BrokerAddress;
  /** What it knows; may be changed. */
  brokers: readonly BrokerAddress[];
  epochs: readonly number[] | undefined;
  asked: number;
};

/** A broker that says of every group that it coordinates it. */
async function startBroker(epochs: readonly number[] | undefined): Promise<Broker> {
  const broker: Omit<Broker, "address"> = { brokers: [], epochs, asked: 0 };
  const address: BrokerAddress = await startFakeBroker(life, ({ apiKey }) => {
    broker.asked++;
    if (apiKey !== METADATA) return coordinatorAnswer("a-group", address);
    const { brokers } = broker;
    return metadataAnswer({ brokers, topic: TOPIC, topicId: TOPIC_ID, epochs: broker.epochs });
  });
  return Object.assign(broker, { address });
}

const connect = (...brokers: Broker[]): Connections => {
  const names = brokers.map(({ address }) => nameOf(address));
  const kafka = createKafka({ brokers: names, clientId: "test", log });
  return life.own(createConnections(kafka), (owned) => owned.close());
};

const knowEachOther = (...brokers: Broker[]) => {
  for (const broker of brokers) broker.brokers = brokers.map(({ address }) => address);
};

describe("a request that any broker can answer", () => {
  it("goes to another broker each time, so that none is relied on for ever", async () => {
    const [one, other] = [await startBroker([1]), await startBroker([2])];
    knowEachOther(one, other);
    const connections = connect(one, other);
    const epochs: (number | undefined)[] = [];
    const coordinators: string[] = [];
    for (let times = 0; times < 4; times++) {
      epochs.push((await connections.topicMetadata(TOPIC)).leaders.get(0)?.epoch);
      coordinators.push(nameOf(await connections.coordinator("group", "a-group")));
    }
    expect(epochs).toEqual([1, 2, 1, 2]);
    expect(new Set(coordinators)).toEqual(new Set([nameOf(one.address), nameOf(other.address)]));
  });

  it("goes to a second broker before a topic is reported as missing", async () => {
    const [lagging, other] = [await startBroker(undefined), await startBroker([2])];
    knowEachOther(lagging, other);
    const connections = connect(lagging, other);
    for (let times = 0; times < 3; times++) {
      expect((await connections.topicMetadata(TOPIC)).leaders.size).toBe(1);
    }
    other.epochs = undefined;
    await expect(connections.topicMetadata(TOPIC)).rejects.toMatchObject({
      type: "UNKNOWN_TOPIC_OR_PARTITION",
    });
  });

  it("does not go to addresses that the cluster no longer has", async () => {
    const [one, gone, added] = [
      await startBroker([1]),
      await startBroker([1]),
      await startBroker([1]),
    ];
    knowEachOther(one, gone);
    added.brokers = [one.address, added.address];
    const connections = connect(one);
    await connections.topicMetadata(TOPIC);
    await connections.topicMetadata(TOPIC);
    expect(gone.asked).toBe(1);
    one.brokers = added.brokers;
    gone.brokers = added.brokers;
    for (let times = 0; times < 6; times++) await connections.topicMetadata(TOPIC);
    expect(gone.asked).toBe(1);
    expect(added.asked).toBeGreaterThan(1);
  });

  it("goes to brokers that do not answer last", async () => {
    const [one, other] = [await startBroker([1]), await startBroker([1])];
    const silent = await startFakeBroker(life, () => undefined);
    for (const broker of [one, other]) broker.brokers = [silent, one.address, other.address];
    const connections = connect(one);
    // The first rounds meet the silent one.
    for (let times = 0; times < 3; times++) await connections.topicMetadata(TOPIC);
    const begunMs = performance.now();
    for (let times = 0; times < 6; times++) await connections.topicMetadata(TOPIC);
    expect(performance.now() - begunMs).toBeLessThan(1_500);
  });

  it("is asked last of one that has just left another request unanswered", async () => {
    const silent = await startFakeBroker(life, () => undefined);
    const [one, other] = [await startBroker([1]), await startBroker([1])];
    for (const broker of [one, other]) broker.brokers = [silent, one.address, other.address];
    const connections = connect(one);
    await connections.topicMetadata(TOPIC);
    const request = { api: heartbeatV4.api, timeoutMs: 100 };
    const call = connections.call(silent, "group", request, "a-group", 1, "a-member");
    await expect(call).rejects.toThrow(nameOf(silent));
    const begunMs = performance.now();
    for (let times = 0; times < 6; times++) await connections.topicMetadata(TOPIC);
    expect(performance.now() - begunMs).toBeLessThan(1_500);
  });
});
