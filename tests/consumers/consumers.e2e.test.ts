import { createKafka } from "@fiberstream/kafka/kafka";
import { createLog } from "@fiberstream/runtime/log";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "../src/platform/platform.ts";
import { type InstalledClient, installClient } from "./installed-client.ts";
import { type KnownTopic, createKnownTopic, nameOf } from "./known-topic.ts";
import { readLines } from "./read-lines.ts";
import { onPlatform, readmePrograms } from "./readme-programs.ts";
import { type Command, type RunningCommand, runCommand, startCommand } from "./run-command.ts";
import { installKcat, STOCK_CONSUMERS, type StockConsumer } from "./stock-consumers.ts";
import { hasToolchain } from "./toolchains.ts";

/** The first run downloads packages of four languages, and Go compiles its standard library. */
const INSTALL_TIMEOUT_MS = 900_000;

let platform: Platform;
let client: InstalledClient;
let known: KnownTopic;
const running = new Map<string, Promise<string>>();
const missing = new Set(
  STOCK_CONSUMERS.flatMap(({ needs }) => (needs && !hasToolchain(needs) ? [needs] : [])),
);
const isAvailable = ({ needs }: StockConsumer) => needs === undefined || !missing.has(needs);
const isKcatAvailable = hasToolchain("kcat");

beforeAll(async () => {
  [platform, client] = await Promise.all([startPlatform(), installClient()]);
  const here = STOCK_CONSUMERS.filter(isAvailable);
  const [topic, ...commands] = await Promise.all([
    createKnownTopic(platform),
    ...here.map((consumer) => consumer.install(client)),
  ]);
  known = topic;
  for (const [at, { name }] of here.entries()) {
    const command = commands[at];
    if (command !== undefined) running.set(name, runAll(command));
  }
  if (isKcatAvailable) running.set("kcat", run(await installKcat(), { IDLE_SECONDS: "1" }));
}, INSTALL_TIMEOUT_MS);
afterAll(async () => {
  await Promise.allSettled(running.values());
  await client.remove();
  await platform.stop();
});

let groups = 0;
/**
 * Runs an example on the whole topic, with a group of its own: until it has some records, until it has all of them, and
 * once more, when there are none left and it ends by itself. A record that it reads twice, or should not read, replaces
 * another one or comes last.
 */
async function runAll(command: Command): Promise<string> {
  const GROUP = `${platform.namespace}team-${++groups}`;
  const some = 200;
  const rest = known.records.length - some;
  const outputs = [
    await run(command, { GROUP, MAX_RECORDS: String(some) }),
    await run(command, { GROUP, MAX_RECORDS: String(rest), IDLE_SECONDS: "60" }),
    await run(command, { GROUP, IDLE_SECONDS: "3" }),
  ];
  return outputs.join("");
}

const run = (command: Command, settings: Record<string, string>) =>
  runCommand(command, {
    environment: {
      ...addressSettings(addresses),
      NAMESPACE: platform.namespace,
      TOPIC: known.topic,
      ...settings,
    },
  });

const outputOf = async (name: string) => (await running.get(name)) ?? "";

describe("the topic", () => {
  it("has each event once, as it was sent", () => {
    expect(known.records.map(({ value }) => nameOf(value)).toSorted()).toEqual(
      known.sent.map(nameOf).toSorted(),
    );
    const byName = new Map(known.records.map(({ value }) => [nameOf(value), value]));
    for (const event of known.sent) {
      const { timestamp: _timestamp, metadata, ...fields } = event;
      const value = byName.get(nameOf(event));
      expect(value).toMatchObject({ probe_type: "ping", target_host: null, ...fields });
      expect(JSON.parse(value?.metadata ?? "null")).toEqual(metadata ?? null);
      expect(value?.source_region).toBe("eu-west");
    }
  });
});

describe("every stock consumer decodes all of it, once, in order", () => {
  for (const consumer of STOCK_CONSUMERS) {
    const { name, needs } = consumer;
    const test = isAvailable(consumer) ? it : it.skip;
    test(
      isAvailable(consumer) ? name : `${name} (skipped: no ${needs} on this machine)`,
      async () => {
        const values = readLines(await outputOf(name));
        expect(values).toHaveLength(known.records.length);
        const byId = new Map(values.map((value) => [value["event_id"], value]));
        for (const { value } of known.records) expect(byId.get(value.event_id)).toEqual(value);
        expect(idsByNode(values)).toEqual(idsByNode(known.records.map(({ value }) => value)));
      },
    );
  }

  const test = isKcatAvailable ? it : it.skip;
  test(
    isKcatAvailable ? "kcat" : "kcat (skipped: it is not installed, and cannot be)",
    async () => {
      const output = await outputOf("kcat");
      if (output.startsWith("{")) {
        const ids = output.match(/(?<="event_id": ?")[0-9a-f-]{36}/g) ?? [];
        expect(ids.toSorted()).toEqual(known.records.map(({ value }) => value.event_id).toSorted());
        return;
      }
      const places = output.match(/^\d+ \d+(?= \d{13} )/gm) ?? [];
      expect(places.toSorted()).toEqual(
        known.records.map(({ partition, offset }) => `${partition} ${offset}`).toSorted(),
      );
    },
  );
});

describe("the programs in the client's README", () => {
  const programs = readmePrograms();
  const start = (name: string): RunningCommand => {
    const program = onPlatform(programs.get(name) ?? "", platform);
    return startCommand([process.execPath, client.write(`${name}.ts`, program)]);
  };
  /** Starts a program that runs forever, waits for a condition, and stops it like an operator. */
  const runUntil = async (
    name: string,
    what: string,
    fact: (output: string) => boolean | Promise<boolean>,
  ) => {
    const started = start(name);
    const stopped = until(() => fact(started.output()), { what, timeoutMs: 40_000 });
    await Promise.race([stopped, started.ended]);
    started.stop();
    return started.ended;
  };

  it("compile with the package's types", async () => {
    for (const [name, source] of programs) client.write(`${name}.ts`, source);
    await client.checkTypes();
  });

  it("consume", async () => {
    const output = await runUntil("consume", "the slow probe is printed", (printed) =>
      printed.includes(" edge-tops 10000\n"),
    );
    expect(output).toMatch(/^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z edge-tops 10000$/m);
  });

  it("consumeBatches", async () => {
    await runUntil("consumeBatches", "it is in its group", () => hasMembers("pager"));
  });

  it("consumeInto", async () => {
    const counted = () =>
      platform.query<{ node_id: string; events: string }>("SELECT * FROM node_counts");
    await runUntil("consumeInto", "all events are counted", async () => {
      const total = (await counted()).reduce((sum, { events }) => sum + Number(events), 0);
      return total >= known.records.length;
    });
    const counts = (await counted()).map(({ node_id, events }) => [node_id, Number(events)]);
    const expected = Map.groupBy(known.records, ({ value }) => value.node_id);
    expect(new Map(counts as [string, number][])).toEqual(
      new Map([...expected].map(([node, records]) => [node, records.length])),
    );
  });

  it("readRange", async () => {
    const lost = known.records.filter(
      ({ value }) => value.packet_loss > 0 || value.latency_ms === null,
    ).length;
    expect(await start("readRange").ended).toBe(
      `${lost} events with packet loss in the last hour\n`,
    );
  });

  it("createSender", async () => {
    expect(await start("createSender").ended).toBe("1 []\n");
  });
});

async function hasMembers(groupId: string): Promise<boolean> {
  const admin = createKafka({
    brokers: [addresses.kafkaBrokers],
    clientId: "test",
    log: createLog({ service: "test", level: "silent", format: "json" }),
  }).admin();
  await admin.connect();
  try {
    const { groups: found } = await admin.describeGroups([groupId]);
    return found.some(({ state, members }) => state === "Stable" && members.length > 0);
  } finally {
    await admin.disconnect();
  }
}

/** Returns event ids by node: the records of a node are in one partition, so every consumer reads them in order. */
function idsByNode(
  values: readonly Readonly<Record<string, unknown>>[],
): Record<string, unknown[]> {
  const ids = Map.groupBy(values, (value) => String(value.node_id));
  return Object.fromEntries(
    [...ids].map(([node, ofNode]) => [node, ofNode.map((value) => value["event_id"])]),
  );
}
